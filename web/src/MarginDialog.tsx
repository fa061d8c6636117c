// Margin dialog: adds margin to an isolated position or takes it out; the liquidation price moves as it is typed.
import { useState } from "react";
import { Dialog } from "./Dialog";
import { minus, money, partOf, priced } from "./text";
import { useAsked } from "./useAsked";
import { post, type MarginPreview, type Position } from "./wire";

interface Props { position: Position | null; world: string; asset: string; onClose: () => void; onDone: (text: string) => void }

export function MarginDialog({ position, world, asset, onClose, onDone }: Props) {
  const [direction, setDirection] = useState<"add" | "remove">("add");
  const [amount, setAmount] = useState("");
  const [problem, setProblem] = useState("");
  const form = position === null || !amount ? null : { world, symbol: position.symbol, leg: position.leg, direction, amount };
  const [told, fault] = useAsked<MarginPreview>("/margin/preview", form, position?.mark ?? "");

  if (position === null) return <Dialog title="Margin" onClose={onClose}><p role="status">The position is gone.</p></Dialog>;
  const most = direction === "add" ? position.max_add : position.max_remove;
  const { symbol, tick } = position;
  const send = async () => {
    setProblem("");
    try {
      await post("/margin", form!);
      onDone(`${money(amount)} ${asset} ${direction === "add" ? "added to" : "removed from"} the margin of ${symbol}.`);
      onClose();
    } catch (refused) { setProblem((refused as Error).message); }
  };
  return (
    <Dialog title={`Margin of ${symbol}, isolated`} onClose={onClose}>
      <form onSubmit={(event) => { event.preventDefault(); if (told?.is_accepted) void send(); }}>
        <div className="segments" role="group" aria-label="Direction">
          <button type="button" aria-pressed={direction === "add"} onClick={() => setDirection("add")}>Add</button>
          <button type="button" aria-pressed={direction === "remove"} onClick={() => setDirection("remove")}>Remove</button>
        </div>
        <div className="field"><label htmlFor="amount">Amount, {asset}</label>
          <div className="joined"><input id="amount" inputMode="decimal" autoComplete="off" value={amount} autoFocus onChange={(event) => setAmount(event.target.value)} />
            <button type="button" onClick={() => setAmount(most)}>Max {money(most)}</button></div></div>
        <div className="segments small" role="group" aria-label="Share of the most">
          {[25n, 50n, 75n, 100n].map((share) => <button key={String(share)} type="button" onClick={() => setAmount(partOf(most, share))}>{String(share)} %</button>)}
        </div>
        <dl className="before-after">
          <dt>Margin</dt><dd>{money(position.isolated_wallet)}{told && <> → <b>{money(told.margin_after)}</b></>}</dd>
          <dt>Liquidated at</dt><dd>{priced(position.liquidation_price, tick)}{told?.is_accepted && <> → <b data-testid="liquidation-after">{priced(told.liquidation_after, tick)}</b> <span className="muted">{minus(told.distance_after)}</span></>}</dd>
        </dl>
        <p className="muted">{direction === "add" ? "It comes out of what is available, and can be lost with the position." : "What stays must cover the initial margin at the mark."}</p>
        {(problem || fault || (told && !told.is_accepted)) && <p className="problem" role="alert">{problem || fault || told?.reason}</p>}
        <div className="row end"><button type="button" onClick={onClose}>Cancel</button>
          <button className="strong" disabled={!told?.is_accepted}>{direction === "add" ? "Add margin" : "Remove margin"}</button></div>
      </form>
    </Dialog>
  );
}
