// Contracts dialog: margin mode and leverage of every contract on one screen, and who set them.
import { useState } from "react";
import { Dialog } from "./Dialog";
import { Name } from "./text";
import { post, type Mode, type Rules, type Setting, type State } from "./wire";

interface Props { symbols: Rules[]; state: State; world: string; onClose: () => void; onLook: (symbol: string) => void }

export function ContractsDialog({ symbols, state, world, onClose, onLook }: Props) {
  const [problem, setProblem] = useState<{ symbol: string; text: string } | null>(null);
  const [said, setSaid] = useState("");
  const set = async (symbol: string, path: string, form: object, text: string) => {
    setProblem(null);
    try {
      await post(path, { world, symbol, ...form });
      setSaid(`${symbol}: ${text}.`);
    } catch (refused) { setProblem({ symbol, text: (refused as Error).message }); }
  };
  return (
    <Dialog title="Margin mode and leverage of every contract" onClose={onClose} isWide>
      <p className="muted">A mode that is the venue's default was chosen by nobody. It can be switched while neither a position nor an order is open there.</p>
      <div className="scroll" tabIndex={0} role="region" aria-label="Contracts">
        <table className="list settings" data-testid="contracts">
          <thead><tr>{["Contract", "Margin mode", "Leverage", "Open"].map((head) => <th scope="col" key={head}>{head}</th>)}</tr></thead>
          <tbody>
            {symbols.map((rules) => {
              const setting = state.settings[rules.symbol];
              if (!setting) return null;
              const open = state.positions.filter((one) => one.symbol === rules.symbol);
              const orders = state.orders.filter((one) => one.symbol === rules.symbol).length;
              return (
                <tr key={rules.symbol}>
                  <th scope="row"><button className="quiet name" onClick={() => onLook(rules.symbol)}>{rules.symbol}</button></th>
                  <td data-label="Margin mode"><ModeOf rules={rules} setting={setting} onMode={(mode) => void set(rules.symbol, "/mode", { mode }, `${mode} margin`)} />
                    {problem?.symbol === rules.symbol && <p className="problem" role="alert">{problem.text}</p>}</td>
                  <td data-label="Leverage"><LeverageOf key={setting.leverage} rules={rules} setting={setting} onLeverage={(leverage) => void set(rules.symbol, "/leverage", { leverage }, `${leverage}×`)} /></td>
                  <td data-label="Open">{open.map((one) => `${one.side === "long" ? "▲ long" : "▼ short"}`).join(", ") || "–"}{orders > 0 && <small> {orders} order{orders > 1 ? "s" : ""}</small>}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      <p className="hidden" role="status">{said}</p>
    </Dialog>
  );
}

const Who = ({ isDefault }: { isDefault: boolean }) => <small className={isDefault ? "who-default" : ""}>{isDefault ? "△ venue default" : "set by you"}</small>;

function ModeOf({ rules, setting, onMode }: { rules: Rules; setting: Setting; onMode: (mode: Mode) => void }) {
  return (
    <span className="set">
      <span className="segments small" role="group" aria-label={`Margin mode of ${rules.symbol}`}>
        {(["isolated", "cross"] as Mode[]).map((mode) => (
          <button key={mode} type="button" className={mode} aria-pressed={setting.mode === mode} onClick={() => onMode(mode)}>{Name(mode)}</button>
        ))}
      </span>
      <Who isDefault={setting.is_mode_default} />
    </span>
  );
}

function LeverageOf({ rules, setting, onLeverage }: { rules: Rules; setting: Setting; onLeverage: (leverage: number) => void }) {
  const [text, setText] = useState(String(setting.leverage));
  const value = /^\d+$/.test(text) ? Number(text) : 0;
  return (
    <form className="set" onSubmit={(event) => { event.preventDefault(); if (value > 0) onLeverage(value); }}>
      <span className="joined"><input className="number" inputMode="numeric" autoComplete="off" aria-label={`Leverage of ${rules.symbol}, at most ${rules.leverage_max}`} value={text} onChange={(event) => setText(event.target.value)} />
        <button disabled={value < 1 || value > 1000 || value === setting.leverage} aria-label={`Set the leverage of ${rules.symbol}`}>Set</button></span>
      <Who isDefault={setting.is_leverage_default} />
    </form>
  );
}
