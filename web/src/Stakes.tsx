// Stakes: what an order does in each margin mode, side by side: what is at stake first, all numbers below.
import { minus, money, Name } from "./text";
import type { Column, Mode, Position, Preview } from "./wire";

const HEADLINES = new Set(["Asked", "Order", "Liquidation price", "  from mark", "Most that can be lost"]);
const FIRST = /^(At the |Reward|Quantity|  at$|Fee$|Margin$|Maintenance|Available|Realized|Resting|Once filled|  liquidation)/;

interface Props { told: Preview | null; mode: Mode; position: Position | null; hint: string; onMode: (mode: Mode) => void }

export function Stakes({ told, mode, position, hint, onMode }: Props) {
  const columns = told?.columns ?? [];
  return (
    <>
      <div className="columns" role="radiogroup" aria-label="Margin mode of this order" data-testid="preview">
        {columns.map((one) => <Stake key={one.name} column={one} isChosen={one.name === mode} isWaiting={told?.is_waiting ?? false}
          isBlocked={position !== null && one.name !== position.mode} onChoose={() => onMode(one.name)} />)}
        {columns.length === 0 && <p className="hint" role="status">{hint}</p>}
      </div>
      {told && <Rows told={told} columns={columns} />}
    </>
  );
}

/** One mode: what is at stake in it. The head of the column chooses the mode. */
function Stake({ column, isChosen, isWaiting, isBlocked, onChoose }: { column: Column; isChosen: boolean; isWaiting: boolean; isBlocked: boolean; onChoose: () => void }) {
  const basis = column.basis === "branch" ? "as in its twin" : isBlocked ? "a position is open" : isChosen ? "this order" : "other mode";
  return (
    <label className={`stake ${column.name} ${isChosen ? "chosen" : ""}`}>
      <span className="head">
        <input type="radio" name="mode" checked={isChosen} onChange={onChoose} aria-label={`${Name(column.name)} margin`} />
        <b>{Name(column.name)}</b><small>{basis}</small>
      </span>
      {column.is_accepted ? (
        <>
          <span className="line"><small>{isWaiting ? "Most lost before it triggers" : "Most you can lose"}</small>
            <strong data-testid={`lose-${column.name}`}>{column.most_lost === null ? "nothing yet" : money(column.most_lost)}</strong></span>
          <span className="line"><small>Liquidated at</small><em>{minus(column.distance_text)}</em>
            <strong data-testid={`liquidated-${column.name}`} className={column.liquidation_price ? "at" : "none"}>
              {column.liquidation_price ? column.liquidation_text : isWaiting && column.most_lost === null ? "nothing is open" : "no price above 0"}
            </strong></span>
          {column.takes_along.length > 0 && <span className="along">takes along {column.takes_along.map((one) => one.symbol).join(", ")}</span>}
        </>
      ) : (
        <span className="reason">{column.reason ?? column.refusal ?? "no answer"}</span>
      )}
    </label>
  );
}

function Rows({ told, columns }: { told: Preview; columns: Column[] }) {
  const rows = told.rows.filter((row) => !HEADLINES.has(row[0] ?? "") && row.slice(1).some((cell) => cell));
  const isFirst = (row: string[]) => FIRST.test(row[0] ?? "");
  if (rows.length === 0) return null;
  return (
    <>
      <Cells rows={rows.filter(isFirst)} columns={columns} label="The order in each margin mode" />
      <details className="more"><summary>All numbers</summary><Cells rows={rows.filter((row) => !isFirst(row))} columns={columns} label="More of the order in each margin mode" /></details>
    </>
  );
}

function Cells({ rows, columns, label }: { rows: string[][]; columns: Column[]; label: string }) {
  return (
    <table className="rows" aria-label={label}>
      <thead className="hidden"><tr><th scope="col">What</th>{columns.map((one) => <th scope="col" key={one.name}>{one.name}</th>)}</tr></thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row[0]}><th scope="row" className={row[0]?.startsWith("  ") ? "sub" : ""}>{row[0]?.trim()}</th>{row.slice(1).map((cell, number) => <td key={number}>{minus(cell)}</td>)}</tr>
        ))}
      </tbody>
    </table>
  );
}
