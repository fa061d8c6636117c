// Book: the best levels on both sides, or the last trades; a price that is clicked goes into the form.
import { useEffect, useRef, useState } from "react";
import { clockText, decimalsOf, e8, shown } from "./text";
import type { Level, Rules, State } from "./wire";

const ROW_PIXELS = 25;
const MID_PIXELS = 36;
const LEVELS = 9;

interface Props { state: State | null; rules: Rules; width: number; onWidth: (width: number) => void; onPrice: (price: string) => void }

export function Book({ state, rules, width, onWidth, onPrice }: Props) {
  const [isTrades, setIsTrades] = useState(false);
  return (
    <section className="zone book" aria-label="Order book">
      <div className="book-head">
        <h2 className="hidden">{isTrades ? "Trades" : "Book"}</h2>
        <div className="segments small" role="group" aria-label="What is shown">
          <button aria-pressed={!isTrades} onClick={() => setIsTrades(false)}>Book</button>
          <button aria-pressed={isTrades} onClick={() => setIsTrades(true)}>Trades</button>
        </div>
        {isTrades ? <span className="muted">{rules.base}</span> : (
          <select className="slim" aria-label="Prices that a row of the book holds" title="Prices that a row holds" value={width} onChange={(event) => onWidth(Number(event.target.value))}>
            {rules.widths.map((one) => <option key={one.ticks} value={one.ticks}>{one.price}</option>)}
          </select>
        )}
      </div>
      {isTrades ? <Trades state={state} rules={rules} /> : <Levels state={state} rules={rules} onPrice={onPrice} />}
    </section>
  );
}

function Levels({ state, rules, onPrice }: { state: State | null; rules: Rules; onPrice: (price: string) => void }) {
  const host = useRef<HTMLDivElement>(null);
  const [rows, setRows] = useState(LEVELS); // as many as are seen whole
  useEffect(() => {
    const watch = new ResizeObserver(([entry]) => setRows(Math.max(1, Math.min(LEVELS, Math.floor(((entry?.contentRect.height ?? 0) - MID_PIXELS) / 2 / ROW_PIXELS)))));
    if (host.current) watch.observe(host.current);
    return () => watch.disconnect();
  }, []);
  const book = { bids: state?.market.book.bids.slice(0, rows) ?? [], asks: state?.market.book.asks.slice(0, rows) ?? [] };
  const decimals = decimalsOf(rules.tick);
  const lots = decimalsOf(rules.step);
  const most = Math.max(1e-9, ...book.bids.map((level) => Number(level[1])), ...book.asks.map((level) => Number(level[1])));
  const isFine = state?.market.width === 1; // rows that hold many prices say nothing of the spread
  const bid = isFine && book.bids[0]?.[0];
  const ask = isFine && book.asks[0]?.[0];
  const level = (side: "bid" | "ask") => ([price, quantity, isOwn]: Level) => (
    <li key={price}>
      <button className={`${side} ${isOwn ? "own" : ""}`} onClick={() => onPrice(price)} aria-label={`${side} ${shown(price, decimals)} ${shown(quantity, lots)} ${rules.base}${isOwn ? ", yours is there" : ""}`}>
        <i aria-hidden="true" style={{ width: `${(Number(quantity) / most) * 100}%` }} /><span>{shown(price, decimals)}</span>{" "}<span>{shown(quantity, lots)}</span>
      </button>
    </li>
  );
  return (
    <div className="levels" ref={host}>
      <ol>{[...book.asks].reverse().map(level("ask"))}</ol>
      <p className="mid">{shown(state?.market.last ?? "0", decimals)} {bid && ask && <small title="Best ask less best bid">spread {shown(fromE8(e8(ask) - e8(bid)), decimals)}</small>}</p>
      <ol>{book.bids.map(level("bid"))}</ol>
    </div>
  );
}

function fromE8(value: bigint): string {
  const digits = value.toString().padStart(9, "0");
  return `${digits.slice(0, -8)}.${digits.slice(-8)}`;
}

function Trades({ state, rules }: { state: State | null; rules: Rules }) {
  const trades = state?.market.trades ?? [];
  if (trades.length === 0) return <p className="empty">Nobody has traded yet.</p>;
  return (
    <div className="trades"><table className="prints" data-testid="trades">
      <thead className="hidden"><tr><th scope="col">Price</th><th scope="col">Quantity</th><th scope="col">Time</th></tr></thead>
      <tbody>
        {trades.map(([time, side, price, quantity], number) => (
          <tr key={number}><td className={side === "buy" ? "gain" : "loss"}><span className="hidden">{side} </span>{shown(price, decimalsOf(rules.tick))}</td>
            <td>{shown(quantity, decimalsOf(rules.step))}</td><td className="muted">{clockText(time)}</td></tr>
        ))}
      </tbody>
    </table></div>
  );
}
