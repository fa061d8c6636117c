// Receipt dialog: a liquidation from the inequality that fired to the table that sums to zero, and what would have saved the account.
import { useEffect, useState } from "react";
import { Dialog } from "./Dialog";
import { minus, other } from "./text";
import { get, type Receipt, type Rescues, type Table } from "./wire";

interface Props { number: number; world: string; onClose: () => void; onAgain: (number: number, how: "same" | "other") => void }

export function ReceiptDialog({ number, world, onClose, onAgain }: Props) {
  const [told, setTold] = useState<Receipt | null>(null);
  const [rescues, setRescues] = useState<Rescues | "asked" | null>(null);
  const [fault, setFault] = useState("");
  useEffect(() => { get<Receipt>(`/receipts/${number}`, { world }).then(setTold).catch((problem: Error) => setFault(problem.message)); }, [number, world]);
  const ask = () => {
    setRescues("asked");
    get<Rescues>(`/receipts/${number}/rescues`, { world }).then(setRescues).catch((problem: Error) => { setRescues(null); setFault(problem.message); });
  };
  return (
    <Dialog title={told?.title ?? `Receipt ${number}`} onClose={onClose} isWide>
      {fault && <p className="problem" role="alert">{fault}</p>}
      {!told && !fault && <p role="status">It is made from the journal …</p>}
      {told && (
        <article className="receipt" data-testid="receipt">
          <p className="muted">{told.when}</p>
          <p className="lead">{minus(told.sentence)}</p>
          <div className="row">
            {told.is_again_possible && <><button className="strong" onClick={() => onAgain(number, "same")}>Live it again</button>
              <button className="strong" onClick={() => onAgain(number, "other")}>… in {other(told.mode)}</button></>}
            <button disabled={rescues !== null} onClick={ask}>{rescues === "asked" ? "Searching …" : "What would have saved it?"}</button>
          </div>
          {rescues !== null && rescues !== "asked" && <section className="rescues"><h3>{rescues.title}</h3><p>{minus(rescues.sentence)}</p><Cells table={{ head: rescues.head, rows: rescues.rows }} /></section>}
          {told.sections.map((part) => (
            <section key={part.heading}><h3>{part.heading}</h3>
              {part.lines.map((line, number) => <p key={number}>{minus(line)}</p>)}
              {part.tables.map((table, number) => <Cells key={number} table={table} />)}
            </section>
          ))}
        </article>
      )}
    </Dialog>
  );
}

function Cells({ table }: { table: Table }) {
  return (
    <div className="cells" tabIndex={0} role="region" aria-label={table.caption || table.head.join(", ") || "Table"}>
      <table>{table.caption && <caption>{table.caption}</caption>}
        {table.head.some((cell) => cell) && <thead><tr>{table.head.map((cell, number) => cell ? <th scope="col" key={number}>{cell}</th> : <td key={number} />)}</tr></thead>}
        <tbody>{table.rows.map((row, number) => <tr key={number}>{row.map((cell, place) => place === 0 ? <th scope="row" key={place}>{cell}</th> : <td key={place}>{minus(cell)}</td>)}</tr>)}</tbody>
      </table>
    </div>
  );
}
