// Rewind dialog: a world beside this one, as it is now or was before; this one goes on untouched.
import { useState } from "react";
import { Dialog } from "./Dialog";
import { post } from "./wire";

const BACK: [string, number][] = [["As it is now", 0], ["A minute ago", 60_000], ["10 minutes ago", 600_000], ["An hour ago", 3_600_000], ["From the beginning", 1e12]];

export function RewindDialog({ world, onClose, onWorld }: { world: string; onClose: () => void; onWorld: (world: string) => void }) {
  const [fault, setFault] = useState("");
  const [isBusy, setIsBusy] = useState(false);
  const fork = async (back_ms: number) => {
    setIsBusy(true);
    setFault("");
    try { onWorld((await post<{ world: string }>("/fork", { world, back_ms })).world); } catch (problem) { setFault((problem as Error).message); setIsBusy(false); }
  };
  return (
    <Dialog title="A world beside this one" onClose={onClose}>
      <p className="muted">It is made of the journal up to that moment, and its time stands still. What you do there happens nowhere else; the same market comes again, and you can go back at any time.</p>
      <div className="row" role="group" aria-label="From when">
        {BACK.map(([name, back], number) => <button key={name} autoFocus={number === 0} className={number === 0 ? "strong" : ""} disabled={isBusy} onClick={() => void fork(back)}>{name}</button>)}
      </div>
      {isBusy && <p role="status">It is made …</p>}
      {fault && <p className="problem" role="alert">{fault}</p>}
    </Dialog>
  );
}
