// Asked: what the venue says to a form of a dialog, with every key and while the market moves. Null: nothing to ask.
import { useEffect, useState } from "react";
import { post } from "./wire";

export function useAsked<T>(path: string, form: object | null, again: string): [T | null, string] {
  const [told, setTold] = useState<T | null>(null);
  const [fault, setFault] = useState("");
  const key = form === null ? "" : JSON.stringify(form);
  useEffect(() => {
    setFault("");
    if (form === null) { setTold(null); return; }
    const controller = new AbortController();
    post<T>(path, form, controller.signal).then(setTold)
      .catch((problem: Error) => { if (problem.name !== "AbortError") { setTold(null); setFault(problem.message); } });
    return () => controller.abort();
  }, [path, key, again]);
  return [told, fault];
}
