// Order form: an order in a trader's words, and what it does in each margin mode.
import type { KeyboardEvent } from "react";
import { Checklist } from "./Checklist";
import { hasLimit, isWaiting, type Form } from "./form";
import { KindPicker, OrderFields } from "./OrderFields";
import { Stakes } from "./Stakes";
import { minus, Name } from "./text";
import type { Asked } from "./usePreview";
import type { Mode, Position, Rules, Venue } from "./wire";

const PAGE_STEP = 5;

interface Props {
  form: Form; setForm: (change: (old: Form) => Form) => void; rules: Rules; mode: Mode; leverage: number; preview: Asked; isConfirmed: boolean; isBusy: boolean;
  problem: string; scene: Venue["trade"]; onModeChip: () => void; onSubmit: (isPlay: boolean) => void; position: Position | null; order: object | null; // as it is asked, where it is filled in
}

export function OrderForm({ form, setForm, rules, mode, leverage, preview, isConfirmed, isBusy, problem, scene, onModeChip, onSubmit, position, order }: Props) {
  const set = (change: Partial<Form>) => setForm((old) => ({ ...old, ...change }));
  const told = preview.preview;
  const chosen = told?.columns.find((one) => one.name === mode);
  const canPlace = !isBusy && (chosen?.is_accepted ?? false);
  const size = chosen?.quantity ? `${chosen.quantity} ${rules.base}` : rules.base;
  const verb = form.isReduceOnly ? (form.side === "buy" ? "Buy back" : "Sell off") : form.side === "buy" ? "Buy / long" : "Sell / short";
  return (
    <section className="zone form" aria-label="Order">
      {scene && (
        <div className="scene">
          <p className="title">{scene.title}.</p>
          <p>It begins in minutes; time stands still. One trade, two margin modes: each column says what is at stake.</p>
        </div>
      )}
      <form onSubmit={(event) => { event.preventDefault(); if (canPlace) onSubmit(scene !== null); }}>
        <div className="row spread">
          <div className="segments" role="group" aria-label="Side">
            <button type="button" className="buy" aria-pressed={form.side === "buy"} onClick={() => set({ side: "buy" })}>Long</button>
            <button type="button" className="sell" aria-pressed={form.side === "sell"} onClick={() => set({ side: "sell" })}>Short</button>
          </div>
          <button type="button" className={`chip ${mode} ${isConfirmed ? "" : "unsure"}`} onClick={onModeChip} data-testid="mode-chip"
            aria-label={`Margin mode ${mode}${isConfirmed ? "" : ", not confirmed"}: look at it`}>
            {!isConfirmed && <span aria-hidden="true">⚠ </span>}{Name(mode)}{!isConfirmed && " · not confirmed"}
          </button>
        </div>
        <KindPicker form={form} set={set} />
        <OrderFields form={form} set={set} rules={rules} chosen={chosen} position={position} />
        {!form.isReduceOnly && <Leverage leverage={leverage} most={rules.leverage_max} onChange={(value) => set({ leverage: value })} />}
        <Stakes told={told} mode={mode} position={position} hint={preview.fault || hintOf(form)} onMode={(one) => set({ mode: one })} />
        {problem && <p className="problem" role="alert">{problem}</p>}
        {scene ? (
          <div className="launch">
            <button type="submit" className="play" disabled={!canPlace} data-testid="play"><span aria-hidden="true">▶ </span>Play</button>
            <button type="button" className="quiet" disabled={!canPlace} onClick={() => onSubmit(false)}>Place it, time stays still</button>
          </div>
        ) : (
          <div className="launch">
            <button type="submit" className={`place ${form.side}`} disabled={!canPlace} data-testid="place">{verb} {size}, {mode}</button>
          </div>
        )}
      </form>
      <Checklist order={order} />
      {told && told.notes.length > 0 && (
        <details className="notes" open={told.notes.some((note) => /protects nothing|LIQUIDATES/.test(note))}>
          <summary>{told.notes.length === 1 ? "One remark" : `${told.notes.length} remarks`}</summary>
          <ul>{told.notes.map((note) => <li key={note} className={/protects nothing|LIQUIDATES/.test(note) ? "loud" : ""}>{minus(note)}</li>)}</ul></details>
      )}
      <p className="hidden" data-testid="asked-in">{preview.askedIn.toFixed(0)}</p>
    </section>
  );
}

const hintOf = (form: Form) =>
  isWaiting(form.type) && form.type !== "trailing" && !form.trigger ? "Say which price it waits for, and both margin modes answer."
    : hasLimit(form.type) && !form.price ? "Say at which price, and both margin modes answer." : "Say how much, and both margin modes answer.";

function Leverage({ leverage, most, onChange }: { leverage: number; most: number; onChange: (leverage: number) => void }) {
  const pages = (event: KeyboardEvent<HTMLInputElement>) => {
    const by = event.key === "PageUp" ? PAGE_STEP : event.key === "PageDown" ? -PAGE_STEP : 0;
    if (!by) return;
    event.preventDefault();
    onChange(Math.min(most, Math.max(1, leverage + by)));
  };
  return (
    <div className="leverage">
      <label htmlFor="leverage">Leverage</label>
      <input id="leverage" type="range" min={1} max={most} value={leverage} aria-valuetext={`${leverage} times`} onKeyDown={pages} onChange={(event) => onChange(Number(event.target.value))} />
      <span className="joined"><input className="number" aria-label="Leverage, as a number" inputMode="numeric" value={leverage}
        onChange={(event) => { const value = parseInt(event.target.value, 10); if (value >= 1 && value <= 1000) onChange(value); }} /><span className="unit">×</span></span>
    </div>
  );
}
