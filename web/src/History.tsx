// History: orders, trades, funding and every change of the wallet, newest first; each also as a file.
import { useEffect, useState } from "react";
import { clockText, dateText, exact, Name, priced, signed, tone } from "./text";
import { get, type HistoryName, type HistoryRow } from "./wire";

const NAMES: HistoryName[] = ["orders", "trades", "funding", "income"];
const WORDS: Record<HistoryName, string> = { orders: "Orders", trades: "Trades", funding: "Funding", income: "Wallet" };
type Cell = [head: string, cell: (row: HistoryRow) => string, tone?: (row: HistoryRow) => string];

const text = (row: HistoryRow, name: string) => (row[name] == null ? "" : String(row[name]));
const side: Cell = ["Side", (row) => (row.side === "buy" ? "▲ buy" : "▼ sell"), (row) => (row.side === "buy" ? "gain" : "loss")];
const price = (name: string, none: string) => (row: HistoryRow) => (row[name] ? priced(text(row, name), text(row, "tick")) : none);

const COLUMNS: Record<HistoryName, Cell[]> = {
  orders: [
    ["Contract", (row) => row.symbol], ["What", (row) => Name(text(row, "what")) + (row.is_reduce_only ? ", reduce-only" : "")], side,
    ["Quantity", (row) => (row.quantity === null ? "all" : exact(text(row, "quantity")))], ["Filled", (row) => exact(text(row, "filled"))],
    ["Price", price("price", "market")], ["Trigger", price("trigger_price", "–")], ["Average", price("average_price", "–")], ["Status", (row) => Name(text(row, "status"))],
  ],
  trades: [
    ["Contract", (row) => row.symbol], side, ["Quantity", (row) => exact(text(row, "quantity"))], ["Price", price("price", "handed over")],
    ["Value", (row) => exact(text(row, "value"))], ["Fee", (row) => exact(text(row, "fee"))],
    ["Realized", (row) => signed(text(row, "realized_pnl")), (row) => tone(text(row, "realized_pnl"))], ["As", (row) => text(row, "role")],
  ],
  funding: [["Contract", (row) => row.symbol], ["Paid (−) or received", (row) => `${sign(text(row, "amount"))} ${text(row, "asset")}`, (row) => tone(text(row, "amount"))]],
  income: [
    ["What", (row) => Name(text(row, "what"))], ["Contract", (row) => row.symbol || "–"],
    ["Amount", (row) => `${sign(text(row, "amount"))} ${text(row, "asset")}`, (row) => tone(text(row, "amount"))],
  ],
};
const sign = (value: string) => (value.startsWith("-") ? `▼ ${exact(value)}` : `▲ +${exact(value)}`);

/** `again`: changes when there may be more. */
export function History({ world, again }: { world: string; again: string }) {
  const [name, setName] = useState<HistoryName>("orders");
  const [rows, setRows] = useState<HistoryRow[] | null>(null);
  useEffect(() => {
    let isOver = false;
    get<{ rows: HistoryRow[] }>("/history", { world, table: name }).then((told) => { if (!isOver) setRows(told.rows); }).catch(() => undefined);
    return () => { isOver = true; };
  }, [world, name, again]);
  const columns = COLUMNS[name];
  return (
    <div className="history">
      <div className="row">
        <div className="segments small" role="group" aria-label="History of">
          {NAMES.map((one) => <button key={one} aria-pressed={one === name} onClick={() => { setRows(null); setName(one); }}>{WORDS[one]}</button>)}
        </div>
        <a className="file" href={`/page/history.csv?${new URLSearchParams({ world, table: name })}`} download>CSV, all of it</a>
      </div>
      {rows?.length === 0 && <p className="empty">{name === "funding" ? "No funding was paid or received yet." : "Nothing yet."}</p>}
      {rows !== null && rows.length > 0 && (
        <table className="list" data-testid={`history-${name}`}>
          <thead><tr><th scope="col">Time, UTC</th>{columns.map(([head]) => <th scope="col" key={head}>{head}</th>)}</tr></thead>
          <tbody>
            {rows.map((row, number) => (
              <tr key={number}><th scope="row"><span className="muted">{dateText(row.time_ms)}</span> {clockText(row.time_ms)}</th>
                {columns.map(([head, cell, toneOf]) => <td key={head} data-label={head} className={toneOf?.(row) ?? ""}>{cell(row)}</td>)}</tr>
            ))}
          </tbody>
        </table>
      )}
    </div>
  );
}
