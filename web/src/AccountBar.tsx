// Account bar: the cross pool and each isolated pocket, apart, each with its own margin ratio.
import { barWidth, money, signed, tone } from "./text";
import type { Position, State } from "./wire";

export function AccountBar({ state }: { state: State | null }) {
  const wallet = state?.wallet;
  if (!wallet) return <div className="account-bar" />;
  const pockets = state.positions.filter((one) => one.mode === "isolated");
  const inPool = state.positions.filter((one) => one.mode === "cross");
  return (
    <div className="account-bar">
      <dl className="facts">
        <div><dt>Equity, {wallet.asset}</dt><dd className="big" data-testid="equity">{money(wallet.equity)}</dd></div>
        <div><dt>Unrealized</dt><dd className={tone(wallet.unrealized_pnl)}>{signed(wallet.unrealized_pnl)}</dd></div>
        <div><dt>Available</dt><dd data-testid="available">{money(wallet.available)}</dd></div>
      </dl>
      <ul className="pockets" aria-label="What backs what">
        <Pocket kind="cross" name="Cross pool" balance={wallet.margin_balance} ratio={wallet.ratio}
          what={inPool.length ? `backs ${inPool.map(nameOf).join(", ")}` : "backs nothing"} />
        {pockets.map((one) => (
          <Pocket key={nameOf(one)} kind="isolated" name={nameOf(one)} balance={one.margin_balance} ratio={one.ratio} what="its own wallet alone" />
        ))}
      </ul>
    </div>
  );
}

/** In hedge mode long and short of a contract are two. */
function nameOf(one: Position): string {
  return one.leg ? `${one.symbol} ${one.leg}` : one.symbol;
}

function Pocket({ kind, name, balance, ratio, what }: { kind: string; name: string; balance: string; ratio: string; what: string }) {
  const width = barWidth(ratio);
  const level = width >= 80 ? "danger" : width >= 50 ? "warn" : "calm";
  const words = level === "danger" ? "⚠ near liquidation" : level === "warn" ? "△ watch it" : "";
  return (
    <li className={`pocket ${kind}`}>
      <span className="name"><b>{name}</b> <small>{what}</small></span>
      <span className="value">{money(balance)}</span>
      <span className="meter" aria-hidden="true"><i className={level} style={{ width: `${width}%` }} /></span>
      <span className="ratio"><small>margin ratio</small> {ratio} {words && <em>{words}</em>}</span>
    </li>
  );
}
