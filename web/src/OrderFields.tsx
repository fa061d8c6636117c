// Order fields: the kind of an order, its size as margin, quantity or percent, its prices, and how long it lives.
import { hasLimit, isWaiting, takesExits, type Form, type OrderKind, type TimeInForce } from "./form";
import type { Column, Position, Rules } from "./wire";

const TRIGGERED: [OrderKind, string][] = [
  ["stop", "Stop"], ["stop_limit", "Stop limit"], ["take_profit", "Take profit"], ["take_profit_limit", "Take profit limit"], ["trailing", "Trailing stop"],
];
const TIMES: [TimeInForce, string][] = [["GTC", "GTC"], ["GTX", "Post-only"], ["IOC", "IOC"], ["FOK", "FOK"]];
const SHARES = [25, 50, 75, 100];

type Set = (change: Partial<Form>) => void;

export function KindPicker({ form, set }: { form: Form; set: Set }) {
  const isTriggered = isWaiting(form.type);
  return (
    <div className="segments small kinds" role="group" aria-label="Order type">
      <button type="button" aria-pressed={form.type === "market"} onClick={() => set({ type: "market" })}>Market</button>
      <button type="button" aria-pressed={form.type === "limit"} onClick={() => set({ type: "limit" })}>Limit</button>
      <select className={isTriggered ? "on" : ""} aria-label="Order that waits for a trigger" value={isTriggered ? form.type : ""} onChange={(event) => set({ type: (event.target.value || "market") as OrderKind, trigger: "" })}>
        <option value="">Trigger</option>
        {TRIGGERED.map(([type, name]) => <option key={type} value={type}>{name}</option>)}
      </select>
    </div>
  );
}

export function OrderFields({ form, set, rules, chosen, position }: { form: Form; set: Set; rules: Rules; chosen: Column | undefined; position: Position | null }) {
  const isShare = form.sizeIn === "share";
  const sizeLabel = { margin: `Margin, ${rules.asset}`, quantity: `Quantity, ${rules.base}`, share: `Quantity, ${rules.base}`, risk: `Risk at stop, ${rules.asset}` }[form.sizeIn];
  const next = nextSize(form, chosen?.quantity ?? "");
  const words = { margin: `a margin in ${rules.asset}`, quantity: `a quantity in ${rules.base}`, risk: `what may be lost at the stop, in ${rules.asset},` }[next.sizeIn];
  const all = isShare && form.share === 100 && form.isReduceOnly && (form.type === "stop" || form.type === "take_profit");
  const extras = [hasLimit(form.type), isWaiting(form.type), form.type === "trailing", takesExits(form), takesExits(form)].filter(Boolean).length;
  return (
    <>
      <div className={`fields of-${1 + extras}`}>
        <div className="field">
          <label htmlFor="size">{sizeLabel}</label>
          <div className="joined">
            <input id="size" inputMode="decimal" autoComplete="off" value={all ? "all of it" : isShare ? (chosen?.quantity ?? "…") : form.size} readOnly={all}
              onChange={(event) => set(isShare ? { sizeIn: "quantity", size: event.target.value } : { size: event.target.value })} />
            <button type="button" onClick={() => set(next)} disabled={form.isReduceOnly} aria-label={`Enter ${words} instead`} title={`Enter ${words} instead`}>⇄</button>
          </div>
        </div>
        {isWaiting(form.type) && form.type !== "trailing" && <Field id="trigger" label={`Trigger, ${form.watches}`} value={form.trigger} onChange={(trigger) => set({ trigger })} />}
        {form.type === "trailing" && <Field id="callback" label="Behind, %" value={form.callback} onChange={(callback) => set({ callback })} />}
        {form.type === "trailing" && <Field id="trigger" label="From price" value={form.trigger} onChange={(trigger) => set({ trigger })} placeholder="now" />}
        {hasLimit(form.type) && <Field id="price" label="Price" value={form.price} onChange={(price) => set({ price })} />}
        {takesExits(form) && <Field id="stop" label="Stop, mark" value={form.stop} onChange={(stop) => set({ stop })} placeholder="none" />}
        {takesExits(form) && <Field id="target" label="Take profit" value={form.takeProfit} onChange={(takeProfit) => set({ takeProfit })} placeholder="none" />}
      </div>
      <div className="row options">
        <div className="segments small shares" role="group" aria-label={form.isReduceOnly ? "Share of the position" : "Share of the most that can be opened"}>
          {SHARES.map((share) => (
            <button key={share} type="button" aria-pressed={isShare && form.share === share} onClick={() => set({ sizeIn: "share", share })}>{share} %</button>
          ))}
        </div>
        <label className="tick"><input type="checkbox" checked={form.isReduceOnly}
          onChange={(event) => set(event.target.checked ? { isReduceOnly: true, sizeIn: "share", share: 100, side: position?.side === "short" ? "buy" : "sell" } : { isReduceOnly: false })} /> Reduce-only</label>
        {hasLimit(form.type) && (
          <select className="slim" aria-label="How long the order lives" value={form.timeInForce} onChange={(event) => set({ timeInForce: event.target.value as TimeInForce })}>
            {TIMES.map(([name, words]) => <option key={name} value={name}>{words}</option>)}
          </select>
        )}
        {isWaiting(form.type) && (
          <select className="slim" aria-label="Price that the trigger waits for" value={form.watches} onChange={(event) => set({ watches: event.target.value as Form["watches"] })}>
            <option value="mark">by mark</option><option value="last">by last</option>
          </select>
        )}
      </div>
    </>
  );
}

/** Margin, then quantity, then what may be lost at the stop, then margin. */
function nextSize(form: Form, quantity: string): { sizeIn: "margin" | "quantity" | "risk"; size: string } {
  if (form.sizeIn === "margin") return { sizeIn: "quantity", size: quantity };
  return form.sizeIn === "risk" || !takesExits(form) ? { sizeIn: "margin", size: "" } : { sizeIn: "risk", size: "" };
}

function Field({ id, label, value, onChange, placeholder }: { id: string; label: string; value: string; onChange: (value: string) => void; placeholder?: string }) {
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input id={id} inputMode="decimal" autoComplete="off" value={value} placeholder={placeholder} onChange={(event) => onChange(event.target.value)} />
    </div>
  );
}
