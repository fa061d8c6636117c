// Chart: candles of the last price, the lines that matter to margin, the danger before liquidation, fills. Also as a table.
import {
  CandlestickSeries, ColorType, createChart, createSeriesMarkers, CrosshairMode, HistogramSeries, type IChartApi, type IPriceLine, type ISeriesApi,
  type ISeriesMarkersPluginApi, type Time, type UTCTimestamp,
} from "lightweight-charts";
import { useEffect, useMemo, useRef, useState } from "react";
import { LINE_STYLES, PALETTES, type Line } from "./chartStyle";
import { ChartTable } from "./ChartTable";
import { DangerBand } from "./dangerBand";
import { keyOf, LineHandles, type Draft } from "./LineHandles";
import { decimalsOf, shown } from "./text";
import type { Theme } from "./theme";
import { get, type Bar, type Position, type State } from "./wire";

const INTERVALS = ["1m", "5m", "15m", "1h", "4h", "1d"];
const SECONDS: Record<string, number> = { "1m": 60, "5m": 300, "15m": 900, "1h": 3600, "4h": 14_400, "1d": 86_400 };
const BARS = 600;
const SHOWN_BARS = 110;
const LEGEND_MOST = 4; // lines that have room in the legend; of more, all but the other mode's are named on the chart alone
const REACH = 0.35; // lines farther from the price than this do not squeeze the candles

interface Props {
  world: string; symbol: string; interval: string; tick: string; state: State | null; lines: Line[]; position: Position | null; theme: Theme;
  onInterval: (interval: string) => void; onMove: (line: Line, price: string) => Promise<void>;
}

export function Chart({ world, symbol, interval, tick, state, lines, position, theme, onInterval, onMove }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const chart = useRef<IChartApi | null>(null);
  const candles = useRef<ISeriesApi<"Candlestick"> | null>(null);
  const volumes = useRef<ISeriesApi<"Histogram"> | null>(null);
  const markers = useRef<ISeriesMarkersPluginApi<Time> | null>(null);
  const band = useRef<DangerBand | null>(null);
  const layout = useRef<() => void>(() => undefined);
  const drawn = useRef(new Map<string, IPriceLine>());
  const wanted = useRef<Line[]>([]);
  const lastBar = useRef(0);
  const isLoading = useRef(false);
  const [isTable, setIsTable] = useState(false);
  const [draft, setDraft] = useState<Draft | null>(null);
  const palette = PALETTES[theme];
  const moved = draft === null ? lines : lines.map((line) => (keyOf(line) === draft.key ? { ...line, price: draft.price } : line));
  wanted.current = moved;

  useEffect(() => {
    if (!host.current) return;
    const made = createChart(host.current, {
      autoSize: true,
      layout: { background: { type: ColorType.Solid, color: "transparent" }, fontSize: 11, fontFamily: "Inter, system-ui, sans-serif", attributionLogo: false },
      crosshair: { mode: CrosshairMode.Normal },
      rightPriceScale: { scaleMargins: { top: 0.08, bottom: 0.16 } },
      timeScale: { timeVisible: true, secondsVisible: false, rightOffset: 10 },
    });
    const series = made.addSeries(CandlestickSeries, {
      borderVisible: false,
      autoscaleInfoProvider: (original: () => { priceRange: { minValue: number; maxValue: number } } | null) => {
        const info = original();
        if (info === null) return info;
        const { minValue, maxValue } = info.priceRange;
        const near = wanted.current.map((line) => Number(line.price)).filter((price) => Math.abs(price / maxValue - 1) < REACH);
        return { ...info, priceRange: { minValue: Math.min(minValue, ...near), maxValue: Math.max(maxValue, ...near) } };
      },
    });
    const histogram = made.addSeries(HistogramSeries, { priceScaleId: "volume", priceFormat: { type: "volume" }, lastValueVisible: false, priceLineVisible: false });
    made.priceScale("volume").applyOptions({ scaleMargins: { top: 0.88, bottom: 0 } });
    const danger = new DangerBand(() => requestAnimationFrame(() => layout.current()));
    series.attachPrimitive(danger);
    chart.current = made;
    candles.current = series;
    volumes.current = histogram;
    band.current = danger;
    markers.current = createSeriesMarkers(series, []);
    const lineMap = drawn.current;
    return () => {
      lineMap.clear();
      made.remove();
      chart.current = null;
      candles.current = null;
      volumes.current = null;
    };
  }, []);

  useEffect(() => {
    chart.current?.applyOptions({
      layout: { textColor: palette.text }, grid: { vertLines: { color: palette.grid }, horzLines: { color: palette.grid } },
      rightPriceScale: { borderColor: palette.edge }, timeScale: { borderColor: palette.edge },
    });
    candles.current?.applyOptions({ upColor: palette.up, downColor: palette.down, wickUpColor: palette.up, wickDownColor: palette.down });
  }, [palette]);

  const load = useMemo(() => async (isFirst: boolean) => {
    if (isLoading.current) return;
    isLoading.current = true;
    try {
      const told = await get<{ bars: Bar[] }>("/candles", { world, symbol, interval, limit: BARS });
      if (!candles.current || !volumes.current) return;
      candles.current.setData(told.bars.map(candleOf));
      volumes.current.setData(told.bars.map((bar) => volumeOf(bar, palette)));
      lastBar.current = told.bars.at(-1)?.[0] ?? 0;
      if (isFirst) chart.current?.timeScale().setVisibleLogicalRange({ from: told.bars.length - SHOWN_BARS, to: told.bars.length + 8 });
    } catch { /* told of by the connection's own mark */ } finally { isLoading.current = false; }
  }, [world, symbol, interval, palette]);

  const looked = useRef("");
  useEffect(() => {
    const decimals = Math.max(decimalsOf(tick), 1);
    candles.current?.applyOptions({ priceFormat: { type: "price", precision: decimals, minMove: Number(tick) } });
    lastBar.current = 0;
    isLoading.current = false;
    const key = `${world} ${symbol} ${interval}`;
    void load(looked.current !== key);
    looked.current = key;
  }, [load, tick]);

  useEffect(() => {
    if (!state || !candles.current || lastBar.current === 0) return;
    const fresh = state.bars;
    const first = fresh[0]?.[0] ?? 0;
    if (first > lastBar.current + (SECONDS[interval] ?? 60)) { void load(false); return; } // time ran ahead: some are missing
    for (const bar of fresh) {
      if (bar[0] < lastBar.current) continue;
      candles.current.update(candleOf(bar));
      volumes.current?.update(volumeOf(bar, palette));
      lastBar.current = bar[0];
    }
  }, [state?.bars, interval, load]);

  useEffect(() => {
    if (!candles.current) return;
    const keys = new Set<string>();
    moved.forEach((line, number) => {
      const key = `${line.kind} ${number}`;
      keys.add(key);
      const options = { price: Number(line.price), title: line.kind === "call" ? "" : line.title, axisLabelVisible: line.kind !== "call", color: palette.lines[line.kind], ...LINE_STYLES[line.kind] };
      const there = drawn.current.get(key);
      if (there) there.applyOptions(options);
      else drawn.current.set(key, candles.current!.createPriceLine(options));
    });
    for (const [key, line] of drawn.current) {
      if (keys.has(key)) continue;
      candles.current.removePriceLine(line);
      drawn.current.delete(key);
    }
  }, [moved, palette]);

  const end = position?.liquidation_price ?? null;
  const call = position?.margin_call ?? null;
  const isBelow = position?.distance.startsWith("-") ?? false;
  useEffect(() => {
    band.current?.show(end ? { call, end, isBelow } : null, palette.warn, palette.danger);
  }, [end, call, isBelow, palette]);

  const fills = state?.fills;
  useEffect(() => {
    const step = SECONDS[interval] ?? 60;
    const first = new Map((fills ?? []).map((fill) => [fill.order_id, fill])); // one mark for each order
    markers.current?.setMarkers([...first.values()].map((fill) => ({
      time: (Math.floor(fill.time_ms / 1000 / step) * step) as UTCTimestamp,
      position: fill.side === "buy" ? "belowBar" as const : "aboveBar" as const,
      shape: fill.is_forced ? "circle" as const : fill.side === "buy" ? "arrowUp" as const : "arrowDown" as const,
      color: fill.side === "buy" ? palette.up : palette.down,
      ...(fill.is_forced ? { text: "liquidation" } : {}),
    })));
  }, [fills?.length, fills?.at(-1)?.order_id, interval, palette]);

  const wasScaling = useRef(true); // somebody may have set the scale by hand
  const holdScale = (isHeld: boolean) => {
    const scale = candles.current?.priceScale();
    if (isHeld) wasScaling.current = scale?.options().autoScale ?? true;
    scale?.applyOptions({ autoScale: isHeld ? false : wasScaling.current });
  };

  const decimals = decimalsOf(tick);
  const fixed = moved.filter((one) => !one.grip);
  const named = fixed.length > LEGEND_MOST ? fixed.filter((one) => one.kind === "ghost") : fixed;
  const words = state ? `${symbol}, ${interval} candles. Last ${shown(state.market.last, decimals)}. ${lines.map((one) => `${one.title} ${shown(one.price, decimals)}`).join(", ")}` : symbol;
  return (
    <>
      <div className="chart-head">
        <div role="group" aria-label="Candle length" className="segments small">
          {INTERVALS.map((one) => (
            <button key={one} aria-pressed={one === interval} onClick={() => onInterval(one)}>{one}</button>
          ))}
        </div>
        <ul className="legend" aria-label="Lines on the chart">
          {named.map((one, number) => (
            <li key={`${one.kind}${number}`}><i className={`swatch ${one.kind}`} aria-hidden="true" />{one.title} <b>{shown(one.price, decimals)}</b></li>
          ))}
        </ul>
        <button className="quiet" aria-pressed={isTable} onClick={() => setIsTable(!isTable)}>Table</button>
      </div>
      <div className="chart-frame" hidden={isTable}>
        <div ref={host} className="chart" role="img" aria-label={words} />
        <LineHandles lines={lines.filter((line) => line.grip)} tick={tick} symbol={symbol} draft={draft} setDraft={setDraft}
          onMove={(line, price) => void onMove(line, price).then(() => setDraft((old) => (old?.key === keyOf(line) ? null : old)))}
          heightOf={(price) => candles.current?.priceToCoordinate(Number(price)) ?? null} priceAt={(y) => candles.current?.coordinateToPrice(y) ?? null}
          hold={holdScale}
          register={(told) => { layout.current = told; }} />
      </div>
      {isTable && <ChartTable world={world} symbol={symbol} interval={interval} decimals={decimals} />}
    </>
  );
}

const candleOf = (bar: Bar) => ({
  time: bar[0] as UTCTimestamp, open: Number(bar[1]), high: Number(bar[2]), low: Number(bar[3]), close: Number(bar[4]),
});
const volumeOf = (bar: Bar, palette: { volumeUp: string; volumeDown: string }) => ({
  time: bar[0] as UTCTimestamp, value: Number(bar[5]), color: Number(bar[4]) >= Number(bar[1]) ? palette.volumeUp : palette.volumeDown,
});
