// Form: what the order form holds, and the same as the venue takes it: asked and placed in the same words.
import type { Mode, Side, TradeForm } from "./wire";

export type OrderKind = "market" | "limit" | "stop" | "stop_limit" | "take_profit" | "take_profit_limit" | "trailing";
export type TimeInForce = "GTC" | "IOC" | "FOK" | "GTX";

export interface Form {
  side: Side; type: OrderKind; sizeIn: "margin" | "quantity" | "risk" | "share"; size: string; share: number; price: string; trigger: string; callback: string; watches: "mark" | "last";
  timeInForce: TimeInForce; isReduceOnly: boolean; stop: string; takeProfit: string;
  mode: Mode | null; // null: as the contract is set
  leverage: number | null;
}

export const blankForm = (): Form => ({
  side: "buy", type: "market", sizeIn: "margin", size: "500", share: 50, price: "", trigger: "", callback: "1", watches: "mark", timeInForce: "GTC", isReduceOnly: false,
  stop: "", takeProfit: "", mode: null, leverage: null,
});

export const formOf = (trade: TradeForm): Form => ({
  ...blankForm(), side: trade.side, type: trade.price ? "limit" : "market", sizeIn: trade.margin ? "margin" : "quantity",
  size: trade.margin ?? trade.quantity ?? "", price: trade.price ?? "", mode: trade.mode, leverage: trade.leverage,
});

export const hasLimit = (type: OrderKind) => type === "limit" || type.endsWith("_limit");
export const isWaiting = (type: OrderKind) => type !== "market" && type !== "limit";
export const takesExits = (form: Form) => !isWaiting(form.type) && !form.isReduceOnly;

/** Whether anything is there to be asked. */
export const isFilled = (form: Form) => (form.sizeIn === "share" || form.size !== "") && (!hasLimit(form.type) || form.price !== "")
  && (!isWaiting(form.type) || (form.type === "trailing" ? form.callback !== "" : form.trigger !== ""));

/** The order as the venue takes it. */
export function orderOf(form: Form, world: string, symbol: string, mode: Mode, leverage: number) {
  const kind = form.type === "trailing" ? "trailing" : form.type.startsWith("stop") ? "stop" : form.type.startsWith("take") ? "take_profit" : "order";
  return {
    world, symbol, side: form.side, mode, leverage, kind,
    ...(form.sizeIn === "share" ? { share: form.share } : { [form.sizeIn]: form.size }),
    price: hasLimit(form.type) ? form.price : null,
    trigger: isWaiting(form.type) ? form.trigger || null : null,
    callback: form.type === "trailing" ? form.callback : null,
    watches: form.watches,
    time_in_force: hasLimit(form.type) ? form.timeInForce : "GTC",
    is_reduce_only: form.isReduceOnly,
    stop: takesExits(form) ? form.stop || null : null,
    take_profit: takesExits(form) ? form.takeProfit || null : null,
  };
}
