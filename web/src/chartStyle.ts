// Chart style: what the chart draws, in both themes. A canvas does not read the style sheet.
import { LineStyle } from "lightweight-charts";
import type { Theme } from "./theme";

export type LineKind = "entry" | "liquidation" | "ghost" | "call" | "stop" | "target" | "order";

/** How a line may be moved: an order's, by amending it; one of the form, by typing it. */
export type Grip = { order: string } | { field: "stop" | "takeProfit" | "price" | "trigger" };
export interface Line { kind: LineKind; price: string; title: string; grip?: Grip }

interface Palette { text: string; grid: string; edge: string; up: string; down: string; volumeUp: string; volumeDown: string; danger: string; warn: string; lines: Record<LineKind, string> }

export const PALETTES: Record<Theme, Palette> = {
  dark: {
    text: "#93a1b3", grid: "#171e28", edge: "#1f2835", up: "#38c989", down: "#ff5f6d", volumeUp: "#1c3a35", volumeDown: "#43272f",
    danger: "rgba(255, 95, 109, 0.07)", warn: "rgba(242, 184, 75, 0.35)",
    lines: { entry: "#c9d3e0", liquidation: "#ff5f6d", ghost: "#b58cff", call: "#f2b84b", stop: "#f2b84b", target: "#38c989", order: "#4fb4ff" },
  },
  light: {
    text: "#526071", grid: "#edf1f5", edge: "#d5dce5", up: "#12935d", down: "#d23a4b", volumeUp: "#cfe9dd", volumeDown: "#f6d5d9",
    danger: "rgba(210, 58, 75, 0.07)", warn: "rgba(190, 130, 10, 0.30)",
    lines: { entry: "#4a5869", liquidation: "#c0283a", ghost: "#6d3fc4", call: "#9a6700", stop: "#9a6700", target: "#0b7a4b", order: "#0a63ad" },
  },
};

export const LINE_STYLES: Record<LineKind, { lineStyle: LineStyle; lineWidth: 1 | 2 }> = {
  entry: { lineStyle: LineStyle.Solid, lineWidth: 1 },
  liquidation: { lineStyle: LineStyle.Solid, lineWidth: 2 },
  ghost: { lineStyle: LineStyle.Dashed, lineWidth: 2 },
  call: { lineStyle: LineStyle.Dashed, lineWidth: 1 },
  stop: { lineStyle: LineStyle.Dotted, lineWidth: 2 },
  target: { lineStyle: LineStyle.Dotted, lineWidth: 2 },
  order: { lineStyle: LineStyle.Dotted, lineWidth: 1 },
};
