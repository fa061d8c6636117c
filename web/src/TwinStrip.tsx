// Twin strip: the same trade in the other mode, living along.
import { useState } from "react";
import { Dialog } from "./Dialog";
import { clockText, minus, money, Name, other, signed, tone } from "./text";
import { post, type Act, type Position, type State, type Twin } from "./wire";

interface Why { difference: { sentence: string; accounts: { name: string }[] } | null }

export function TwinStrip({ state, twin, symbol, world, position, act }: { state: State | null; twin: Twin | null; symbol: string; world: string; position: Position | null; act: Act }) {
  const [why, setWhy] = useState<string | null>(null);
  if (!state) return null;
  if (!twin) {
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
      <Life mode={mine} title="Yours" equity={state.wallet.equity} position={position} liquidated={state.liquidated > 0 && !position ? "liquidated" : ""} />
      <Life mode={twin.mode} title="Twin" equity={twin.wallet.equity} position={twin.position}
        liquidated={twin.liquidated_ms && !twin.position ? `liquidated ${clockText(twin.liquidated_ms)}` : ""} />
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

function Life({ mode, title, equity, position, liquidated }: { mode: string; title: string; equity: string; position: Position | null; liquidated: string }) {
  return (
    <span className={`life ${mode} ${liquidated ? "dead" : ""}`}>
      <small>{title}, {Name(mode)}</small>
      <b>{money(equity)}</b>
      {position && <i className={tone(position.unrealized_pnl)}>{signed(position.unrealized_pnl)}</i>}
      {position && <small>{position.distance ? `liquidation ${minus(position.distance)}` : "no liquidation price"}</small>}
      {liquidated && <small className="loss">✕ {liquidated}</small>}
      {!position && !liquidated && <small>flat</small>}
    </span>
  );
}
