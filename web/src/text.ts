// Text: decimal text as people read it. Strings in, strings out: no number is computed.

const EIGHT = 8;

/** Thousands commas, rounded half away from zero to so many decimals: as the venue rounds what it words itself. */
export function shown(value: string | null | undefined, decimals: number): string {
  if (value == null || value === "") return "none";
  const [whole = "0", part = ""] = value.replace("-", "").split(".");
  const unit = 10n ** BigInt(EIGHT - decimals);
  const rounded = (BigInt(whole + part.padEnd(EIGHT, "0").slice(0, EIGHT)) + unit / 2n) / unit;
  const digits = rounded.toString().padStart(decimals + 1, "0");
  const grouped = digits.slice(0, digits.length - decimals).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  const rest = decimals > 0 ? `.${digits.slice(-decimals)}` : "";
  return `${value.startsWith("-") && rounded !== 0n ? "−" : ""}${grouped}${rest}`;
}

/** A price to its tick's decimals, two at least. */
export const priced = (value: string | null | undefined, tick: string) => shown(value, Math.max(2, decimalsOf(tick)));

export const money = (value: string | null | undefined) => shown(value, 2);

/** All of its decimals, two at least. */
export const exact = (value: string | null) => shown(value, Math.min(EIGHT, Math.max(2, (value ?? "").split(".")[1]?.replace(/0+$/, "").length ?? 0)));

/** With its sign, and an arrow for those who do not see color. */
export function signed(value: string): string {
  const text = money(value);
  if (/^[−0,.]*$/.test(text)) return text;
  return text.startsWith("−") ? `▼ ${text}` : `▲ +${text}`;
}

export const tone = (value: string): string => (value.startsWith("-") ? "loss" : /[1-9]/.test(value) ? "gain" : "");

/** Decimal text × 10^8, exactly. */
export function e8(text: string): bigint {
  const [whole = "0", part = ""] = text.replace("-", "").split(".");
  const value = BigInt(whole + part.padEnd(EIGHT, "0").slice(0, EIGHT));
  return text.startsWith("-") ? -value : value;
}

/** The tick that a price on the grid is at, and back: what a line is moved to is on the grid. */
export const ticksOf = (price: string, tick: string): bigint => e8(price) / e8(tick);
export function fromTicks(ticks: bigint, tick: string): string {
  const digits = (ticks * e8(tick)).toString().padStart(EIGHT + 1, "0");
  const part = digits.slice(-EIGHT).replace(/0+$/, "");
  return digits.slice(0, -EIGHT) + (part ? `.${part}` : "");
}

/** So many percent of an amount, rounded down: what is typed for somebody who clicks. */
export const partOf = (amount: string, percent: bigint): string => fromTicks((e8(amount) * percent) / 100n, "0.00000001");

/** Decimals of a step: "0.10" has one. */
export function decimalsOf(step: string): number {
  const part = step.split(".")[1] ?? "";
  return part.replace(/0+$/, "").length;
}

/** A true minus sign before a number; hyphens of words and dates stay. */
export const minus = (text: string) => text.replace(/(^|[\s(+=])-(?=\d)/g, "$1−");

const two = (value: number) => String(value).padStart(2, "0");

export function clockText(timeMs: number): string {
  const at = new Date(timeMs);
  return `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`;
}

export function dateText(timeMs: number): string {
  const at = new Date(timeMs);
  return `${at.getUTCFullYear()}-${two(at.getUTCMonth() + 1)}-${two(at.getUTCDate())}`;
}

/** Until a time by the venue's own clock, which may stand still or run fast. */
export function countdown(untilMs: number | null, nowMs: number): string {
  if (!untilMs || untilMs < nowMs) return "–";
  const seconds = Math.floor((untilMs - nowMs) / 1000);
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

/** What fills a bar that is full at 100 %: for drawing alone. */
export const barWidth = (ratio: string): number => Math.max(0, Math.min(100, parseFloat(ratio.replace(",", "")) || 0));

export const other = (mode: "isolated" | "cross") => (mode === "isolated" ? "cross" : "isolated");
export const Name = (mode: string) => mode.charAt(0).toUpperCase() + mode.slice(1);
