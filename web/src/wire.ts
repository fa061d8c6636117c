// Wire: what the venue sends the page, as types. Numbers are decimal text; nothing here is computed with.

export type Mode = "isolated" | "cross";
export type Side = "buy" | "sell";

export interface Rules { symbol: string; base: string; asset: string; tick: string; step: string; leverage_max: number; widths: { ticks: number; price: string }[] }

export type Level = [price: string, quantity: string, isOwn: boolean];

export interface TradeForm {
  symbol: string; side: Side; mode: Mode; leverage: number;
  margin?: string | null; quantity?: string | null; price?: string | null;
}

export interface Venue {
  account: string; market: string; notes: string[]; rulebook: string; symbols: Rules[];
  trade: { title: string; form: TradeForm; speed: number } | null;
}

export interface Position {
  symbol: string; side: "long" | "short" | "flat"; quantity: string; mode: Mode; leverage: number;
  entry_price: string | null; mark: string; unrealized_pnl: string; isolated_wallet: string; margin_balance: string;
  maintenance_margin: string; liquidation_price: string | null; bankruptcy_price: string | null;
  base: string; tick: string; ratio: string; distance: string; max_add: string; max_remove: string;
  leg: "long" | "short" | null; margin_call: string | null; notional: string; initial_margin: string; effective_leverage: string; return: string;
  adl: number | null;
}

export interface OpenOrder {
  leg: "long" | "short" | null;
  order_id: string; symbol: string; tick: string; side: Side; order_type: string; price: string | null; trigger_price: string | null;
  quantity: string | null; filled: string; is_reduce_only: boolean; triggered_by: string | null; time_in_force: string; is_close_position: boolean;
}

export interface Wallet {
  asset: string; cross_wallet: string; isolated_wallets: string; unrealized_pnl: string; equity: string;
  margin_balance: string; maintenance_margin: string; available: string; ratio: string;
}

export type Bar = [number, string, string, string, string, string];
export interface Fill { time_ms: number; side: Side; price: string; quantity: string; order_id: string; is_forced: boolean }

export interface State {
  kind: "state"; world: string; position: number; time_ms: number;
  clock: { speed: number; is_paused: boolean; next_funding_ms: number | null };
  market: {
    symbol: string; mark: string; index: string; last: string; change: string; volume: string;
    funding_rate: string; funding_ms: number; width: number; book: { bids: Level[]; asks: Level[] };
    open_interest: string; trades: [number, Side, string, string][];
  };
  bars: Bar[]; wallet: Wallet;
  settings: Record<string, Setting>;
  positions: Position[]; orders: OpenOrder[]; fills: Fill[]; liquidated: number; alarms: Alarm[]; alarmed: Alarmed[];
}
export interface Setting { mode: Mode; leverage: number; is_confirmed: boolean; is_mode_default: boolean; is_leverage_default: boolean }
export type AlarmKind = "margin_ratio" | "distance";
export interface Alarm { alarm_id: number; on: AlarmKind; percent: string; symbol: string | null; is_crossed: boolean; told: number }
export interface Alarmed { number: number; on: AlarmKind; symbol: string; time_ms: number; measured: string; percent: string }

export interface Twin {
  mode: Mode; positions: Position[]; wallet: Omit<Wallet, "ratio">; liquidated_ms: number | null; time_ms: number;
  divergences: string[];
}
export interface TwinMessage { kind: "twin"; world: string; symbol: string; twin: Twin | null }
export interface FaultMessage { kind: "fault"; message: string }
export type Message = State | TwinMessage | FaultMessage;

export interface Column {
  name: Mode; mode: Mode; basis: string; is_current: boolean; is_accepted: boolean; refusal: string | null; reason: string | null;
  quantity: string | null; most_lost: string | null; liquidation_price: string | null; liquidation_text: string; distance_text: string;
  average_price: string | null; takes_along: { symbol: string }[];
}
export interface Preview { title: string; sentence: string; notes: string[]; rows: string[][]; mark: string; columns: Column[]; is_waiting: boolean }

export interface ClosePreview {
  is_accepted: boolean; reason: string; quantity: string; filled: string; resting: string; average_price: string | null; realized_pnl: string; fee: string;
  margin_back: string; available_before: string; available_after: string; position_after: string; liquidation_after: string | null; distance_after: string;
}
export type Verdict = "pass" | "warn" | "block";
export interface Checked { verdict: Verdict | null; policy: string; rules: { rule: string; verdict: Verdict; reason: string; value: string | null }[] }
export interface ExitsPreview {
  is_accepted: boolean; reason: string;
  exits: { name: "stop" | "take_profit"; trigger: string; distance: string; pnl: string; is_beyond_liquidation: boolean }[];
}

export interface MarginPreview {
  is_accepted: boolean; reason: string; margin_before: string; margin_after: string; liquidation_before: string | null;
  liquidation_after: string | null; distance_after: string; max_add: string; max_remove: string;
}

export interface ReceiptHead { number: number; kind: string; time_ms: number; title: string; sentence: string; symbols: string[]; mode: Mode; sum: string }
export interface Table { caption?: string; head: string[]; rows: string[][] }
export interface Receipt extends ReceiptHead {
  when: string; sections: { heading: string; lines: string[]; tables: Table[] }[]; is_again_possible: boolean;
}
export interface Rescues { title: string; sentence: string; head: string[]; rows: string[][] }

export type HistoryName = "orders" | "trades" | "funding" | "income";
export type HistoryRow = Record<string, string | number | boolean | null> & { time_ms: number; symbol: string };

/** Something to be done: it says what went wrong, or that it is done. */
export type Act = (what: () => Promise<unknown>, success: string) => Promise<boolean>;

export class Refused extends Error {
  constructor(readonly status: number, message: string) { super(message); }
}

async function answerOf<T>(response: Response): Promise<T> {
  const text = await response.text();
  let told: unknown;
  try { told = JSON.parse(text); } catch { told = { message: text }; }
  if (!response.ok) throw new Refused(response.status, (told as { message?: string }).message ?? response.statusText);
  return told as T;
}

export async function get<T>(path: string, query: Record<string, string | number> = {}): Promise<T> {
  const search = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]));
  return answerOf<T>(await fetch(`/page${path}?${search}`));
}

export async function post<T>(path: string, form: object, signal?: AbortSignal): Promise<T> {
  return answerOf<T>(await fetch(`/page${path}`, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(form), signal,
  }));
}
