// Close dialog: closes a position or a share of it, at market or at a limit, or turns it round; says first what comes of it.
import { useState } from "react";
import { Dialog } from "./Dialog";
import { decimalsOf, exact, minus, money, priced, shown, signed, tone } from "./text";
import { useAsked } from "./useAsked";
import { post, type ClosePreview, type Position } from "./wire";

type How = "market" | "limit" | "reverse";
const SHARES = [25, 50, 75, 100];

interface Props { position: Position | null; world: string; asset: string; onClose: () => void; onDone: (text: string) => void }

export function CloseDialog({ position, world, asset, onClose, onDone }: Props) {
  const [how, setHow] = useState<How>("market");
  const [share, setShare] = useState(100);
  const [price, setPrice] = useState("");
  const [problem, setProblem] = useState("");
  const form = position === null || (how === "limit" && !price) ? null
    : { world, symbol: position.symbol, leg: position.leg, share: how === "reverse" ? 100 : share, price: how === "limit" ? price : null, is_reversed: how === "reverse" };
  const [told, fault] = useAsked<ClosePreview>("/close/preview", form, position?.mark ?? "");
  if (position === null) return <Dialog title="Close" onClose={onClose}><p role="status">The position is gone.</p></Dialog>;
  const send = async () => {
    setProblem("");
    try {
      await post("/close", form!);
      onDone(how === "limit" ? `An order to close ${position.symbol} rests.` : how === "reverse" ? `${position.symbol} is turned round.` : share === 100 ? `${position.symbol} is closed.` : `${share} % of ${position.symbol} is closed.`);
      onClose();
    } catch (refused) { setProblem((refused as Error).message); }
  };
  const rests = told !== null && /[1-9]/.test(told.resting);
  return (
    <Dialog title={`Close ${position.symbol}, ${position.side}`} onClose={onClose}>
      <form onSubmit={(event) => { event.preventDefault(); if (told?.is_accepted) void send(); }}>
        <div className="row">
          <div className="segments" role="group" aria-label="How">
            {(position.leg ? ["market", "limit"] as How[] : ["market", "limit", "reverse"] as How[]).map((one) => (
              <button key={one} type="button" aria-pressed={how === one} onClick={() => setHow(one)}>{one === "market" ? "At market" : one === "limit" ? "At a limit" : "Turn round"}</button>
            ))}
          </div>
          {how !== "reverse" && (
            <div className="segments" role="group" aria-label="Share of the position">
              {SHARES.map((one) => <button key={one} type="button" aria-pressed={share === one} onClick={() => setShare(one)}>{one} %</button>)}
            </div>
          )}
        </div>
        {how === "limit" && (
          <div className="field"><label htmlFor="close-price">Price</label>
            <div className="joined"><input id="close-price" inputMode="decimal" autoComplete="off" autoFocus value={price} onChange={(event) => setPrice(event.target.value)} />
              <button type="button" onClick={() => setPrice(position.entry_price ? shown(position.entry_price, decimalsOf(position.tick)) : "")}>Entry</button></div></div>
        )}
        <dl className="before-after" data-testid="close-preview">
          <dt>{how === "reverse" ? "Order" : "Closes"}</dt><dd>{told ? exact(told.quantity) : "…"} {position.base}{told?.average_price && <> at <b>{priced(told.average_price, position.tick)}</b></>}{rests && <span className="muted"> rests</span>}</dd>
          <dt>Realized</dt><dd>{told ? <span className={tone(told.realized_pnl)}>{signed(told.realized_pnl)}</span> : "…"} <span className="muted">fee {told ? money(told.fee) : "…"}</span></dd>
          {position.mode === "isolated" && <><dt>Margin that comes back</dt><dd>{told ? money(told.margin_back) : "…"}</dd></>}
          <dt>Available, {asset}</dt><dd>{told ? <>{money(told.available_before)} → <b>{money(told.available_after)}</b></> : "…"}</dd>
          <dt>Position after</dt><dd>{told ? (/[1-9]/.test(told.position_after) ? `${minus(exact(told.position_after))} ${position.base}` : "flat") : "…"}</dd>
          <dt>Liquidated at</dt><dd>{told?.liquidation_after ? <>{priced(told.liquidation_after, position.tick)} <span className="muted">{minus(told.distance_after)}</span></> : "none"}</dd>
        </dl>
        {(problem || fault || (told && !told.is_accepted)) && <p className="problem" role="alert">{problem || fault || told?.reason}</p>}
        <div className="row end"><button type="button" onClick={onClose}>Cancel</button>
          <button className="strong" disabled={!told?.is_accepted}>{how === "reverse" ? "Turn it round" : how === "limit" ? "Place the order" : `Close ${share === 100 ? "all of it" : `${share} %`}`}</button></div>
      </form>
    </Dialog>
  );
}
