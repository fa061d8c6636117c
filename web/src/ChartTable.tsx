// Chart table: the last candles as rows, for those who do not see the chart.
import { useEffect, useState } from "react";
import { clockText, dateText, shown } from "./text";
import { get, type Bar } from "./wire";

const ROWS = 60;

export function ChartTable({ world, symbol, interval, decimals }: { world: string; symbol: string; interval: string; decimals: number }) {
  const [bars, setBars] = useState<Bar[]>([]);
  useEffect(() => {
    get<{ bars: Bar[] }>("/candles", { world, symbol, interval, limit: ROWS }).then((told) => setBars(told.bars.reverse())).catch(() => undefined);
  }, [world, symbol, interval]);
  return (
    <div className="chart-table" tabIndex={0} role="region" aria-label="Candles as a table">
      <table>
        <thead><tr>{["Time, UTC", "Open", "High", "Low", "Close"].map((head) => <th scope="col" key={head}>{head}</th>)}</tr></thead>
        <tbody>
          {bars.map((bar) => (
            <tr key={bar[0]}><th scope="row">{dateText(bar[0] * 1000)} {clockText(bar[0] * 1000)}</th>
              {bar.slice(1, 5).map((price, number) => <td key={number}>{shown(price as string, decimals)}</td>)}</tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
