// Preview of the form: asked of the venue with every key, and again while the market moves.
import { useEffect, useRef, useState } from "react";
import { isFilled, orderOf, type Form } from "./form";
import type { View } from "./stream";
import { post, Refused, type Mode, type Preview } from "./wire";

const AGAIN_MS = 400; // how often it is asked again while the market moves

export interface Asked { preview: Preview | null; fault: string; askedIn: number }
const NOTHING: Asked = { preview: null, fault: "", askedIn: 0 };

export function usePreview(view: View, form: Form, mode: Mode, leverage: number, mark: string, position: string): Asked {
  const [asked, setAsked] = useState<Asked>(NOTHING);
  const running = useRef<AbortController | null>(null);
  const lastAsked = useRef(0);
  const order = orderOf(form, view.world, view.symbol, mode, leverage);
  const key = JSON.stringify([order, position]);

  const ask = () => {
    running.current?.abort();
    const controller = new AbortController();
    running.current = controller;
    lastAsked.current = Date.now();
    const began = performance.now();
    post<Preview>("/preview", order, controller.signal).then((preview) => setAsked({ preview, fault: "", askedIn: performance.now() - began }))
      .catch((fault: Error) => {
        if (fault.name === "AbortError") return;
        setAsked((old) => ({ ...old, preview: fault instanceof Refused ? null : old.preview, fault: fault instanceof Refused ? fault.message : "" }));
      });
  };
  useEffect(() => { if (isFilled(form)) ask(); else { running.current?.abort(); setAsked(NOTHING); } }, [key]);
  useEffect(() => {
    if (!isFilled(form) || !mark || Date.now() - lastAsked.current < AGAIN_MS) return;
    ask();
  }, [mark]);
  return asked;
}
