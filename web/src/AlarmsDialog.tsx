// Alarms dialog: lines on margin ratio and distance to liquidation that are told of once per crossing.
import { useState } from "react";
import { Dialog } from "./Dialog";
import { clockText } from "./text";
import { post, type Alarm, type AlarmKind, type Alarmed, type State } from "./wire";

export const alarmText = (one: Alarmed) =>
  one.on === "margin_ratio" ? `${one.symbol}: the margin ratio is ${one.measured}; your line is ${one.percent} %.` : `${one.symbol}: liquidation is ${one.measured} away; your line is ${one.percent} %.`;

const lineText = (one: Alarm) => `${one.on === "margin_ratio" ? "Margin ratio rises to" : "Liquidation comes within"} ${one.percent} %, ${one.symbol ?? "any position"}`;

export function AlarmsDialog({ state, symbol, world, onClose }: { state: State; symbol: string; world: string; onClose: () => void }) {
  const [on, setOn] = useState<AlarmKind>("distance");
  const [percent, setPercent] = useState("5");
  const [isHere, setIsHere] = useState(false);
  const [fault, setFault] = useState("");
  const ask = (path: string, form: object) => { setFault(""); post(path, { world, ...form }).catch((problem: Error) => setFault(problem.message)); };
  return (
    <Dialog title="Alarms" onClose={onClose}>
      <form onSubmit={(event) => { event.preventDefault(); ask("/alarm", { on, percent, symbol: isHere ? symbol : null }); }}>
        <div className="segments" role="group" aria-label="What is watched">
          <button type="button" aria-pressed={on === "distance"} onClick={() => setOn("distance")}>Distance to liquidation</button>
          <button type="button" aria-pressed={on === "margin_ratio"} onClick={() => setOn("margin_ratio")}>Margin ratio</button>
        </div>
        <div className="pair">
          <div className="field"><label htmlFor="alarm-percent">{on === "distance" ? "Falls to, %" : "Rises to, %"}</label>
            <input id="alarm-percent" inputMode="decimal" autoComplete="off" autoFocus value={percent} onChange={(event) => setPercent(event.target.value)} /></div>
          <label className="tick"><input type="checkbox" checked={isHere} onChange={(event) => setIsHere(event.target.checked)} /> {symbol} only</label>
        </div>
        {fault && <p className="problem" role="alert">{fault}</p>}
        <div className="row end"><button className="strong" disabled={!percent}>Set the alarm</button></div>
      </form>
      <section>
        <h3>Set</h3>
        {state.alarms.length === 0 && <p className="muted">None. They last as long as the venue runs.</p>}
        <ul className="plain" data-testid="alarms">
          {state.alarms.map((one) => (
            <li key={one.alarm_id} className="row spread"><span>{lineText(one)} {one.is_crossed && <em className="loss">⚠ beyond it now</em>}</span>
              <button aria-label={`Remove: ${lineText(one)}`} onClick={() => ask("/alarm/remove", { alarm_id: one.alarm_id })}>Remove</button></li>
          ))}
        </ul>
      </section>
      {state.alarmed.length > 0 && (
        <section><h3>Told</h3><ul className="plain">{[...state.alarmed].reverse().slice(0, 8).map((one) => <li key={one.number}><span className="muted">{clockText(one.time_ms)}</span> {alarmText(one)}</li>)}</ul></section>
      )}
    </Dialog>
  );
}
