// Holdings: positions, open orders, receipts and history, each under its tab; the way to the contracts and the alarms.
import { useState, type KeyboardEvent } from "react";
import { History } from "./History";
import { Orders } from "./Orders";
import { Positions, type PositionAct } from "./Positions";
import { clockText, dateText, minus, Name, other } from "./text";
import { post, type Act, type Mode, type Position, type ReceiptHead, type State } from "./wire";

type Tab = "positions" | "orders" | "history" | "receipts";
interface Props {
  state: State | null; receipts: ReceiptHead[]; act: Act; world: string; isBusy: boolean; onAct: (act: PositionAct, position: Position) => void; onReceipt: (number: number) => void;
  onAgain: (number: number, how: "same" | "other") => void; onContracts: () => void; onAlarms: () => void;
}

export function Holdings({ state, receipts, act, world, isBusy, onAct, onReceipt, onAgain, onContracts, onAlarms }: Props) {
  const [tab, setTab] = useState<Tab>("positions");
  const positions = state?.positions ?? [];
  const orders = state?.orders ?? [];
  const counts: Record<Tab, number | null> = { positions: positions.length, orders: orders.length, history: null, receipts: receipts.length };
  const tabs = Object.keys(counts) as Tab[];
  const arrows = (event: KeyboardEvent<HTMLDivElement>) => {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (!by) return;
    event.preventDefault();
    const next = tabs[(tabs.indexOf(tab) + by + tabs.length) % tabs.length]!;
    setTab(next);
    document.getElementById(`tab-${next}`)?.focus();
  };
  return (
    <div className="holdings">
      <div className="tab-row">
        <div className="tabs" role="tablist" aria-label="Account" onKeyDown={arrows}>
          {tabs.map((one) => (
            <button key={one} role="tab" id={`tab-${one}`} aria-selected={tab === one} aria-controls={`panel-${one}`} tabIndex={tab === one ? 0 : -1} onClick={() => setTab(one)}>
              {Name(one)} {counts[one] !== null && <span className="count">{counts[one]}</span>}
            </button>
          ))}
        </div>
        {tab === "positions" && positions.length > 1 && <button className="quiet" disabled={isBusy} onClick={() => void act(() => post("/close/all", { world }), "All positions are closed.")}>Close all</button>}
        {tab === "orders" && orders.length > 1 && <button className="quiet" disabled={isBusy} onClick={() => void act(() => post("/cancel/all", { world }), "All orders are cancelled.")}>Cancel all</button>}
        <button className="quiet" onClick={onContracts}>Contracts</button>
        <button className="quiet" onClick={onAlarms}>Alarms {(state?.alarms.length ?? 0) > 0 && <span className="count">{state?.alarms.length}</span>}</button>
      </div>
      <div role="tabpanel" id={`panel-${tab}`} aria-labelledby={`tab-${tab}`} tabIndex={0} className="panel">
        {tab === "positions" && <Positions positions={positions} isBusy={isBusy} onAct={onAct} />}
        {tab === "orders" && <Orders orders={orders} isBusy={isBusy} onCancel={(order) => void act(() => post("/cancel", { world, order_id: order.order_id }), "The order is cancelled.")} />}
        {tab === "history" && <History world={world} again={`${orders.length} ${state?.fills.at(-1)?.order_id ?? ""} ${state?.liquidated} ${state?.wallet.cross_wallet}`} />}
        {tab === "receipts" && <Receipts receipts={receipts} onReceipt={onReceipt} onAgain={onAgain} />}
      </div>
    </div>
  );
}

function Receipts({ receipts, onReceipt, onAgain }: { receipts: ReceiptHead[]; onReceipt: (number: number) => void; onAgain: Props["onAgain"] }) {
  if (receipts.length === 0) return <p className="empty">Nobody was liquidated. When it happens, the receipt is here.</p>;
  return (
    <ul className="receipts">
      {[...receipts].reverse().map((one) => (
        <li key={one.number}>
          <div><b>{one.title}</b> <small>{dateText(one.time_ms)} {clockText(one.time_ms)}</small><p>{minus(one.sentence)}</p></div>
          <div className="row">
            <button className="strong" onClick={() => onReceipt(one.number)}>Receipt</button>
            {one.kind === "liquidation" && <><button onClick={() => onAgain(one.number, "same")}>Live it again</button>
              <button onClick={() => onAgain(one.number, "other")}>… in {other(one.mode as Mode)}</button></>}
          </div>
        </li>
      ))}
    </ul>
  );
}
