// Stream: the venue's messages as they come, over a socket that is made again when it is lost.
import { useEffect, useRef, useState } from "react";
import type { Message, State, Twin } from "./wire";

export interface View { world: string; symbol: string; interval: string; width: number } // width: of a row of the book, in ticks
export interface Told { state: State | null; twin: Twin | null; isTwinTold: boolean; isConnected: boolean }

const AGAIN_MS = 700;

/** What the venue says of the world, contract and candle length that is looked at. */
export function useStream(view: View, isSignedIn: boolean): Told {
  const [told, setTold] = useState<Told>({ state: null, twin: null, isTwinTold: false, isConnected: false });
  const socket = useRef<WebSocket | null>(null);
  const looked = useRef(view);
  looked.current = view;

  useEffect(() => {
    if (!isSignedIn) return;
    let isOver = false;
    let timer = 0;
    const connect = () => {
      const made = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/page/stream`);
      made.binaryType = "arraybuffer";
      const decoder = new TextDecoder();
      made.onopen = () => {
        made.send(JSON.stringify(looked.current));
        setTold((old) => ({ ...old, isConnected: true }));
      };
      made.onmessage = (event: MessageEvent<ArrayBuffer>) => {
        const message = JSON.parse(decoder.decode(event.data)) as Message;
        const { world, symbol } = looked.current;
        if (message.kind === "state" && message.world === world && message.market.symbol === symbol)
          setTold((old) => ({ ...old, state: message, isConnected: true }));
        else if (message.kind === "twin" && message.world === world && message.symbol === symbol)
          setTold((old) => ({ ...old, twin: message.twin, isTwinTold: true }));
      };
      made.onclose = () => {
        if (isOver) return;
        setTold((old) => ({ ...old, isConnected: false }));
        timer = window.setTimeout(connect, AGAIN_MS);
      };
      socket.current = made;
    };
    connect();
    return () => {
      isOver = true;
      window.clearTimeout(timer);
      socket.current?.close();
    };
  }, [isSignedIn]);

  useEffect(() => {
    setTold((old) => ({ ...old, twin: null, isTwinTold: false }));
    if (socket.current?.readyState === WebSocket.OPEN) socket.current.send(JSON.stringify(view));
  }, [view.world, view.symbol, view.interval]);

  useEffect(() => {
    if (socket.current?.readyState === WebSocket.OPEN) socket.current.send(JSON.stringify(looked.current));
  }, [view.width]);

  return told;
}
