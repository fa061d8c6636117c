// Clock bar: the venue's time, and how it goes on.
import { clockText, dateText } from "./text";
import { post, Refused, type Act, type State } from "./wire";

const SPEEDS = [1, 10, 60, 600];

export function ClockBar({ state, world, act, isScene, hasPosition, onRewind }: { state: State | null; world: string; act: Act; isScene: boolean; hasPosition: boolean; onRewind: () => void }) {
  const clock = state?.clock;
  const ask = (form: object, success: string) => void act(() => post("/clock", { world, ...form }), success);
  const toLiquidation = () => void act(async () => {
    const told = await post<{ has_come: boolean }>("/clock", { world, jump: "liquidation" });
    if (!told.has_come) throw new Refused(200, "A day has passed, and nothing of yours was liquidated.");
  }, "Lived on to the liquidation.");
  const isPaused = clock?.is_paused ?? true;
  return (
    <section className="clockbar" aria-label="Clock">
      <time dateTime={state ? new Date(state.time_ms).toISOString() : ""}>
        <span className="muted">{state ? dateText(state.time_ms) : ""}</span> <b>{state ? clockText(state.time_ms) : "…"}</b> <span className="muted">UTC</span>
      </time>
      <span className={`pace ${isPaused ? "paused" : "running"}`}>{isPaused ? "❚❚ time stands still" : `▶ time runs ×${clock?.speed}`}</span>
      <div className="row" role="group" aria-label="How time goes on">
        <button className={isPaused && !isScene ? "strong" : ""} onClick={() => ask({ speed: isPaused ? 60 : 0 }, isPaused ? "Time runs." : "Time stands still.")}>
          {isPaused ? "Run ×60" : "Pause"}
        </button>
        <div className="segments small" role="group" aria-label="Speed">
          {SPEEDS.map((speed) => (
            <button key={speed} aria-pressed={!isPaused && clock?.speed === speed} onClick={() => ask({ speed }, `Time runs ×${speed}.`)}>×{speed}</button>
          ))}
        </div>
        <button onClick={() => ask({ step_ms: 60_000 }, "One minute on.")}>+1 min</button>
        <button onClick={() => ask({ jump: "funding" }, "At the next settlement.")}>To funding</button>
        <button disabled={!hasPosition} onClick={toLiquidation}>To liquidation</button>
        <button onClick={onRewind} aria-haspopup="dialog">Rewind …</button>
      </div>
    </section>
  );
}
