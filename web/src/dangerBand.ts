// Danger band: the stretch between the margin call and liquidation, and all that lies beyond it, behind the candles. Also tells whenever the chart is
// laid out anew.
import type { IPrimitivePaneRenderer, IPrimitivePaneView, ISeriesApi, ISeriesPrimitive, SeriesAttachedParameter, Time } from "lightweight-charts";

/** call: null where it has come already. */
export interface Danger { call: string | null; end: string; isBelow: boolean }

export class DangerBand implements ISeriesPrimitive<Time> {
  private series: ISeriesApi<"Candlestick"> | null = null;
  private requestUpdate: () => void = () => undefined;
  private danger: Danger | null = null;
  private colors: [string, string] = ["", ""];

  constructor(private readonly onLayout: () => void) {}

  attached(param: SeriesAttachedParameter<Time>) {
    this.series = param.series as ISeriesApi<"Candlestick">;
    this.requestUpdate = param.requestUpdate;
  }

  detached() { this.series = null; }

  show(danger: Danger | null, warn: string, dead: string) {
    this.danger = danger;
    this.colors = [warn, dead];
    this.requestUpdate();
  }

  updateAllViews() { this.onLayout(); }

  paneViews(): readonly IPrimitivePaneView[] {
    return [{ zOrder: () => "bottom", renderer: () => this.renderer() }];
  }

  private renderer(): IPrimitivePaneRenderer | null {
    const { danger, series, colors: [warn, dead] } = this;
    const end = danger && series?.priceToCoordinate(Number(danger.end));
    if (danger === null || end == null) return null;
    const call = danger.call === null ? null : series?.priceToCoordinate(Number(danger.call));
    return {
      draw: (target) => target.useBitmapCoordinateSpace(({ context, bitmapSize, verticalPixelRatio }) => {
        const fill = (color: string, from: number, to: number) => { context.fillStyle = color; context.fillRect(0, Math.min(from, to), bitmapSize.width, Math.abs(to - from)); };
        fill(dead, end * verticalPixelRatio, danger.isBelow ? bitmapSize.height : 0);
        if (call != null) fill(warn, call * verticalPixelRatio, end * verticalPixelRatio);
      }),
    };
  }
}
