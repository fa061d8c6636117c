// Mode dialog: what each margin mode means, what it changes for the order at hand; sets it, confirms it, or says why it cannot be set.
import { useState } from "react";
import { Dialog } from "./Dialog";
import { minus, money, Name } from "./text";
import { post, type Mode, type Preview } from "./wire";

const WORDS: Record<Mode, string> = {
  isolated: "Only the margin put into this position backs it. It is liquidated sooner, and the loss stops there.",
  cross: "The whole pool backs it, with every other cross position. It is liquidated later, and takes the pool with it.",
};

interface Props {
  symbol: string; current: Mode; wanted: Mode; isConfirmed: boolean; preview: Preview | null; world: string; isOrder: boolean;
  onClose: () => void; onChosen: (mode: Mode) => void;
}

export function ModeDialog({ symbol, current, wanted, isConfirmed, preview, world, isOrder, onClose, onChosen }: Props) {
  const [chosen, setChosen] = useState<Mode>(wanted);
  const [fault, setFault] = useState("");
  const use = async () => {
    setFault("");
    try {
      await post("/mode", { world, symbol, mode: chosen });
      onChosen(chosen);
    } catch (refused) { setFault((refused as Error).message); }
  };
  return (
    <Dialog title={`Margin mode of ${symbol}`} onClose={onClose}>
      <p className="muted">{isConfirmed ? `It is ${current}, as set.` : `It is ${current} because that is the venue's default: nobody has chosen it. Choose once for this contract.`}</p>
      <div className="modes" role="radiogroup" aria-label="Margin mode">
        {(["isolated", "cross"] as Mode[]).map((mode) => {
          const column = preview?.columns.find((one) => one.name === mode);
          return (
            <label key={mode} className={`mode-choice ${mode} ${chosen === mode ? "chosen" : ""}`}>
              <span><input type="radio" name="dialog-mode" checked={chosen === mode} onChange={() => setChosen(mode)} /> <b>{Name(mode)}</b>{mode === current && <small> as it is</small>}</span>
              <span>{WORDS[mode]}</span>
              {column?.is_accepted && <small>This order: most you can lose {money(column.most_lost)}, {column.liquidation_price ? `liquidated at ${column.liquidation_text} (${minus(column.distance_text)})` : "liquidated at no price"}.</small>}
            </label>
          );
        })}
      </div>
      {fault && <p className="problem" role="alert">{fault}</p>}
      <div className="row end"><button onClick={onClose}>Cancel</button>
        <button className="strong" onClick={() => void use()}>{chosen === current ? `Keep ${chosen}` : `Use ${chosen}`}{isOrder ? ", and place the order" : ""}</button></div>
    </Dialog>
  );
}
