// Positions: what is open, how near it is to its end, and what can be done about it.
import { barWidth, exact, minus, money, Name, priced, signed, tone } from "./text";
import type { Position } from "./wire";

export type PositionAct = "margin" | "exits" | "close";
interface Props { positions: Position[]; isBusy: boolean; onAct: (act: PositionAct, position: Position) => void }

const HEADS = ["Contract", "Size", "Entry, mark", "Liquidated at", "Margin", "Margin ratio", "Unrealized"];

export function Positions({ positions, isBusy, onAct }: Props) {
  if (positions.length === 0) return <p className="empty">No position is open.</p>;
  return (
    <table className="list" data-testid="positions">
      <thead><tr>{HEADS.map((head) => <th scope="col" key={head}>{head}</th>)}<th scope="col"><span className="hidden">Actions</span></th></tr></thead>
      <tbody>{positions.map((one) => <Row key={`${one.symbol}${one.mode}${one.leg}`} one={one} isBusy={isBusy} onAct={onAct} />)}</tbody>
    </table>
  );
}

function Row({ one, isBusy, onAct }: { one: Position; isBusy: boolean; onAct: Props["onAct"] }) {
  const width = barWidth(one.ratio);
  const name = one.leg ? `${one.symbol} ${one.leg}` : one.symbol;
  return (
    <tr>
      <th scope="row">{one.symbol} <Lights on={one.adl} /><span className="tags"><span className={`tag ${one.side}`}>{one.side === "long" ? "▲" : "▼"} {Name(one.side)}</span><span className={`tag ${one.mode}`}>{Name(one.mode)} {one.leverage}×</span></span></th>
      <td data-label="Size"><span className="two">{exact(one.quantity)} {one.base} <small>{money(one.notional)}</small></span></td>
      <td data-label="Entry, mark"><span className="two">{priced(one.entry_price, one.tick)} <small>{priced(one.mark, one.tick)}</small></span></td>
      <td data-label="Liquidated at"><span className="two"><span data-testid={`liquidation-${one.symbol}`}>{one.liquidation_price ? <>{priced(one.liquidation_price, one.tick)} <small>{minus(one.distance)}</small></> : "none above zero"}</span>
        <small>{one.liquidation_price ? (one.mode === "cross" ? "if only it moves" : one.margin_call ? `call ${priced(one.margin_call, one.tick)}` : "⚠ margin called") : " "}</small></span></td>
      <td data-label="Margin"><span className="two"><span data-testid={`margin-${one.symbol}`}>{one.mode === "isolated" ? money(one.isolated_wallet) : <>{money(one.margin_balance)} <small>pool</small></>}</span>
        <small title="Notional against what backs it"><span className="roomy">effectively </span>{one.effective_leverage}</small></span></td>
      <td data-label="Margin ratio"><span className="ratio-cell">{one.ratio}<span className="meter" aria-hidden="true"><i className={width >= 80 ? "danger" : width >= 50 ? "warn" : "calm"} style={{ width: `${width}%` }} /></span></span></td>
      <td data-label="Unrealized"><span className={`two ${tone(one.unrealized_pnl)}`}>{signed(one.unrealized_pnl)} <small title="Of the initial margin at the mark">{minus(one.return)}</small></span></td>
      <td className="actions">
        {one.mode === "isolated" && <button disabled={isBusy} onClick={() => onAct("margin", one)} aria-label={`Add or remove margin, ${name}`}>± Margin</button>}
        <button disabled={isBusy} onClick={() => onAct("exits", one)} aria-label={`Exits of ${name}: stop and take profit`}>Exits</button>
        <button disabled={isBusy} onClick={() => onAct("close", one)} aria-label={`Close ${name}`}>Close</button>
      </td>
    </tr>
  );
}

/** The place in the queue of auto-deleveraging: five lights, all on for who is first. */
function Lights({ on }: { on: number | null }) {
  if (on === null) return null;
  return (
    <span className={`lights at-${on}`} role="img" aria-label={`Auto-deleveraging: ${on} of 5 lights`} title="Place in the queue of auto-deleveraging: five lights are first in line">
      {[1, 2, 3, 4, 5].map((light) => <i key={light} className={light <= on ? "on" : ""} />)}
    </span>
  );
}
