// Exits dialog: a stop and a take-profit for all of a position that is open, with what each of them realizes.
import { useState } from "react";
import { Dialog } from "./Dialog";
import { minus, priced, signed, tone } from "./text";
import { useAsked } from "./useAsked";
import { post, type ExitsPreview, type OpenOrder, type Position } from "./wire";

interface Props { position: Position | null; orders: OpenOrder[]; world: string; onClose: () => void; onDone: (text: string) => void }

export function ExitsDialog({ position, orders, world, onClose, onDone }: Props) {
  const there = (kind: string) => orders.find((one) => one.symbol === position?.symbol && one.order_type === kind && one.is_close_position)?.trigger_price ?? "";
  const [stop, setStop] = useState(there("stop market"));
  const [takeProfit, setTakeProfit] = useState(there("take profit market"));
  const [watches, setWatches] = useState<"mark" | "last">("mark");
  const [problem, setProblem] = useState("");
  const form = position === null || (!stop && !takeProfit) ? null
    : { world, symbol: position.symbol, leg: position.leg, stop: stop || null, take_profit: takeProfit || null, watches };
  const [told, fault] = useAsked<ExitsPreview>("/exits/preview", form, position?.mark ?? "");
  if (position === null) return <Dialog title="Stop and take profit" onClose={onClose}><p role="status">The position is gone.</p></Dialog>;
  const send = async () => {
    setProblem("");
    try {
      await post("/exits", form!);
      onDone(`The exits of ${position.symbol} are placed.`);
      onClose();
    } catch (refused) { setProblem((refused as Error).message); }
  };
  return (
    <Dialog title={`Stop and take profit of ${position.symbol}`} onClose={onClose}>
      <form onSubmit={(event) => { event.preventDefault(); if (told?.is_accepted) void send(); }}>
        <p className="muted">Each closes all of the position at market when its price is reached; one that is there already is replaced. Entry {priced(position.entry_price, position.tick)}, mark {priced(position.mark, position.tick)}.</p>
        <div className="pair">
          <div className="field"><label htmlFor="exit-stop">Stop</label><input id="exit-stop" inputMode="decimal" autoComplete="off" autoFocus value={stop} placeholder="none" onChange={(event) => setStop(event.target.value)} /></div>
          <div className="field"><label htmlFor="exit-target">Take profit</label><input id="exit-target" inputMode="decimal" autoComplete="off" value={takeProfit} placeholder="none" onChange={(event) => setTakeProfit(event.target.value)} /></div>
        </div>
        <div className="segments" role="group" aria-label="Price that they wait for">
          {(["mark", "last"] as const).map((one) => <button key={one} type="button" aria-pressed={watches === one} onClick={() => setWatches(one)}>by {one}</button>)}
        </div>
        <dl className="before-after" data-testid="exits-preview">
          {(told?.exits ?? []).map((one) => (
            <div key={one.name}><dt>{one.name === "stop" ? "Stopped out" : "Profit taken"} at {priced(one.trigger, position.tick)} <span className="muted">{minus(one.distance)}</span></dt>
              <dd className={tone(one.pnl)}>{signed(one.pnl)}</dd></div>
          ))}
        </dl>
        {told?.exits.some((one) => one.is_beyond_liquidation) && <p className="caution" role="status">⚠ The position is liquidated before this price is reached: it protects nothing.</p>}
        {(problem || fault || (told && !told.is_accepted)) && <p className="problem" role="alert">{problem || fault || told?.reason}</p>}
        <div className="row end"><button type="button" onClick={onClose}>Cancel</button><button className="strong" disabled={!told?.is_accepted}>Place</button></div>
      </form>
    </Dialog>
  );
}
