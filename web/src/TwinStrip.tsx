// Twin strip: the same trade in the other mode, living along.
import { Fragment, useState } from "react";
import { Dialog } from "./Dialog";
import { clockText, minus, money, Name, other, signed, tone } from "./text";
import { post, type Act, type Position, type State, type Twin } from "./wire";

interface Why { difference: { sentence: string; accounts: { name: string }[] } | null }

export function TwinStrip({ state, twin, symbol, world, act }: { state: State | null; twin: Twin | null; symbol: string; world: string; act: Act }) {
  const [why, setWhy] = useState<string | null>(null);
  if (!state) return null;
  const positions = state.positions.filter((one) => one.symbol === symbol);
  if (!twin) {
    const position = positions[0];
    if (!position) return null;
    return (
      <div className="twin">
        <span><b>Twin</b> the same trade in {other(position.mode)} margin, living along</span>
        <button onClick={() => void act(() => post("/twin", { world, symbol }), "The twin lives along.")}>Begin it</button>
      </div>
    );
  }
  const mine = other(twin.mode);
  const ask = () => void act(async () => {
    const told = await post<Why>("/twin/why", { world, symbol });
    setWhy(told.difference?.sentence ?? "Nothing differs.");
  }, "");
  return (
    <div className="twin" data-testid="twin">
      <span className="name"><b>Twin</b> two lives</span>
      <Life mode={mine} title="Yours" equity={state.wallet.equity} positions={positions} liquidated={state.liquidated > 0 && positions.length === 0 ? "liquidated" : ""} />
      <Life mode={twin.mode} title="Twin" equity={twin.wallet.equity} positions={twin.positions}
        liquidated={twin.liquidated_ms && twin.positions.length === 0 ? `liquidated ${clockText(twin.liquidated_ms)}` : ""} />
      <button onClick={ask}>Why?</button>
      {why !== null && (
        <Dialog title="Why they differ" onClose={() => setWhy(null)}>
          <p>{minus(why)}</p>
          {twin.divergences.map((one) => <p className="muted" key={one}>{one}</p>)}
          <div className="row end"><button onClick={() => { setWhy(null); void post("/twin/remove", { world, symbol }); }}>Let the twin go</button>
            <button className="strong" onClick={() => setWhy(null)}>Close</button></div>
        </Dialog>
      )}
    </div>
  );
}

function Life({ mode, title, equity, positions, liquidated }: { mode: string; title: string; equity: string; positions: Position[]; liquidated: string }) {
  return (
    <span className={`life ${mode} ${liquidated ? "dead" : ""}`}>
      <small>{title}, {Name(mode)}</small>
      <b>{money(equity)}</b>
      {positions.map((one) => (
        <Fragment key={one.leg}>
          <i className={tone(one.unrealized_pnl)}>{signed(one.unrealized_pnl)}</i>
          <small>{one.leg ? `${one.leg}: ` : ""}{one.distance ? `liquidation ${minus(one.distance)}` : "no liquidation price"}</small>
        </Fragment>
      ))}
      {liquidated && <small className="loss">✕ {liquidated}</small>}
      {positions.length === 0 && !liquidated && <small>flat</small>}
    </span>
  );
}
