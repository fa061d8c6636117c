// Line handles: what moves a line of the chart, by pointer or by key. An order's line is sent when it is let go of, or with Enter.
import { useEffect, useRef, type KeyboardEvent, type PointerEvent } from "react";
import type { Line } from "./chartStyle";
import { fromTicks, priced, shown, decimalsOf, ticksOf } from "./text";

export interface Draft { key: string; price: string }
export const keyOf = (line: Line): string => (line.grip ? ("order" in line.grip ? `order ${line.grip.order}` : `form ${line.grip.field}`) : "");

interface Props {
  lines: Line[]; tick: string; symbol: string; draft: Draft | null; setDraft: (draft: Draft | null) => void;
  onMove: (line: Line, price: string) => void; heightOf: (price: string) => number | null; priceAt: (y: number) => number | null; hold: (isHeld: boolean) => void; register: (layout: () => void) => void;
}

const STEP = 1000n; // an arrow moves by a thousandth of the price, a page by a hundredth, with Shift by a tick

export function LineHandles({ lines, tick, symbol, draft, setDraft, onMove, heightOf, priceAt, hold, register }: Props) {
  const held = useRef(new Map<string, HTMLDivElement>());
  const host = useRef<HTMLDivElement>(null);
  const prices = useRef(new Map<string, string>());
  const isDragging = useRef(false);
  const grabbedAt = useRef(0); // how far below its line the pointer took hold of it
  prices.current = new Map(lines.map((line) => [keyOf(line), draft?.key === keyOf(line) ? draft.price : line.price]));

  const layout = () => {
    const height = host.current?.clientHeight ?? 0;
    for (const [key, element] of held.current) {
      const y = heightOf(prices.current.get(key) ?? "0");
      element.style.transform = `translateY(${y === null ? 0 : Math.max(12, Math.min(height - 12, y))}px)`;
    }
  };
  useEffect(() => register(layout), []);
  useEffect(layout);

  const isForm = (line: Line) => line.grip !== undefined && "field" in line.grip;
  const move = (line: Line, price: string) => {
    if (isForm(line)) onMove(line, price);
    else setDraft({ key: keyOf(line), price });
  };
  const send = (line: Line, price: string) => { if (!isForm(line)) { if (price === line.price) setDraft(null); else onMove(line, price); } };

  const down = (line: Line) => (event: PointerEvent<HTMLDivElement>) => {
    event.preventDefault();
    event.currentTarget.focus();
    event.currentTarget.setPointerCapture(event.pointerId);
    hold(true); // the line is in the scale: without this the scale would move under the pointer
    const y = heightOf(prices.current.get(keyOf(line)) ?? line.price);
    grabbedAt.current = y === null || !host.current ? 0 : event.clientY - host.current.getBoundingClientRect().top - y;
    isDragging.current = true;
  };
  const letGo = () => { isDragging.current = false; hold(false); };
  const drag = (line: Line) => (event: PointerEvent<HTMLDivElement>) => {
    if (!isDragging.current || !host.current) return;
    const price = priceAt(event.clientY - host.current.getBoundingClientRect().top - grabbedAt.current);
    if (price !== null && price > 0) move(line, fromTicks(BigInt(Math.max(1, Math.round(price / Number(tick)))), tick));
  };
  const up = (line: Line) => () => {
    if (!isDragging.current) return;
    letGo();
    const price = prices.current.get(keyOf(line));
    if (price) send(line, price);
  };
  const keys = (line: Line) => (event: KeyboardEvent<HTMLDivElement>) => {
    const there = prices.current.get(keyOf(line)) ?? line.price;
    const ticks = ticksOf(there, tick);
    const arrow = event.shiftKey ? 1n : ticks / STEP || 1n;
    const by = { ArrowUp: arrow, ArrowRight: arrow, ArrowDown: -arrow, ArrowLeft: -arrow, PageUp: 10n * arrow, PageDown: -10n * arrow }[event.key];
    if (by !== undefined) { event.preventDefault(); if (ticks + by > 0n) move(line, fromTicks(ticks + by, tick)); }
    else if (event.key === "Enter") { event.preventDefault(); send(line, there); }
    else if (event.key === "Escape") { event.preventDefault(); letGo(); setDraft(null); }
  };

  return (
    <div className="handles" ref={host} role="group" aria-label="Lines that can be moved">
      {lines.map((line, place) => {
        const key = keyOf(line);
        const isMoved = draft?.key === key;
        const price = isMoved ? draft.price : line.price;
        return (
          <div key={key} ref={(element) => { if (element) held.current.set(key, element); else held.current.delete(key); }} className={`handle ${line.kind} ${isMoved ? "moved" : ""}`}
            style={{ left: 6 + (place % 4) * 96 }} role="slider" tabIndex={0} aria-orientation="vertical" aria-label={`Move ${line.title}, ${symbol}`}
            aria-valuemin={0} aria-valuemax={Number(price) * 10} aria-valuenow={Number(price)} aria-valuetext={`${shown(price, decimalsOf(tick))}${isMoved ? ", not sent: Enter sends it, Escape leaves it" : ""}`}
            onPointerDown={down(line)} onPointerMove={drag(line)} onPointerUp={up(line)} onPointerCancel={() => { letGo(); setDraft(null); }} onKeyDown={keys(line)}
            onBlur={() => { if (isMoved && !isDragging.current) setDraft(null); }}>
            <span aria-hidden="true">⇕ {isMoved ? priced(price, tick) : line.title}</span>
          </div>
        );
      })}
    </div>
  );
}
