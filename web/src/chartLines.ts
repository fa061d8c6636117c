// Chart lines: of the position that is open, its twin and its orders; before one is open, of the order in the form in both modes.
import type { Line } from "./chartStyle";
import { hasLimit, isWaiting, takesExits, type Form } from "./form";
import type { Mode, State, Twin } from "./wire";

interface Ends { name: Mode; liquidation_price: string | null }

export function linesOf(symbol: string, mode: Mode, state: State | null, twin: Twin | null, columns: Ends[], form: Form): Line[] {
  return [...ofPosition(symbol, mode, state, twin, columns), ...ofForm(form), ...ofOrders(symbol, state)];
}

function ofPosition(symbol: string, mode: Mode, state: State | null, twin: Twin | null, columns: Ends[]): Line[] {
  const found: Line[] = [];
  const add = (kind: Line["kind"], price: string | null, title: string) => {
    if (price && !found.some((one) => one.kind === kind && one.price === price)) found.push({ kind, price, title }); // legs of a pool share an end
  };
  const twins = twin?.positions ?? [];
  const positions = state?.positions.filter((one) => one.symbol === symbol) ?? [];
  for (const one of positions) {
    const leg = one.leg ? ` ${one.leg}` : "";
    add("entry", one.entry_price, `entry${leg}`);
    add("liquidation", one.liquidation_price, one.leg && one.mode === "isolated" ? `liquidation${leg}, isolated` : `liquidation, ${one.mode}`);
    add("call", one.margin_call, "margin call");
  }
  if (positions.length > 0) {
    for (const one of twins) add("ghost", one.liquidation_price, `liquidation, ${one.mode}`);
    return found;
  }
  const isTwinAlone = twins.length > 0; // its lines are the story now, not those of a next order
  for (const one of isTwinAlone ? [] : columns)
    if (one.liquidation_price)
      found.push({ kind: one.name === mode ? "liquidation" : "ghost", price: one.liquidation_price, title: `liquidation, ${one.name}` });
  for (const one of twins) {
    if (!one.liquidation_price) continue;
    add("entry", one.entry_price, "entry, twin");
    add("ghost", one.liquidation_price, `liquidation, ${one.mode} twin`);
  }
  return found;
}

const PRICE = /^\d+(\.\d+)?$/; // what is being typed is no price yet

function ofForm(form: Form): Line[] {
  const found: Line[] = [];
  const bare = (text: string) => text.replace(/[, ]/g, "");
  const add = (kind: Line["kind"], text: string, title: string, field: "stop" | "takeProfit" | "price" | "trigger") => {
    if (PRICE.test(bare(text))) found.push({ kind, price: bare(text), title, grip: { field } });
  };
  if (takesExits(form)) {
    add("stop", form.stop, "new stop", "stop");
    add("target", form.takeProfit, "new target", "takeProfit");
  }
  if (isWaiting(form.type)) add(form.type.startsWith("take") ? "target" : "stop", form.trigger, "new trigger", "trigger");
  if (hasLimit(form.type)) add("order", form.price, "new limit", "price");
  return found;
}

function ofOrders(symbol: string, state: State | null): Line[] {
  const found: Line[] = [];
  for (const order of state?.orders ?? []) {
    const price = order.trigger_price ?? order.price;
    if (order.symbol !== symbol || !price) continue;
    const kind = order.order_type.startsWith("stop") || order.order_type.startsWith("trailing") ? "stop" : order.order_type.startsWith("take") ? "target" : "order";
    const title = `${kind === "order" ? `${order.side} ${order.quantity ?? ""}` : kind}${order.leg ? ` ${order.leg}` : ""}`;
    found.push({ kind, price, title, ...(order.order_type.startsWith("trailing") ? {} : { grip: { order: order.order_id } }) });
  }
  return found;
}
