// Orders: what rests and what waits for its trigger.
import { exact, Name, priced } from "./text";
import type { OpenOrder } from "./wire";

const HEADS = ["Contract", "What", "Side", "Quantity", "Price", "Trigger", "Lives"];
const LIVES: Record<string, string> = { GTC: "until cancelled", GTX: "post-only", GTD: "until its date", IOC: "now or not", FOK: "all or nothing" };

export function Orders({ orders, isBusy, onCancel }: { orders: OpenOrder[]; isBusy: boolean; onCancel: (order: OpenOrder) => void }) {
  if (orders.length === 0) return <p className="empty">No order is open.</p>;
  return (
    <table className="list" data-testid="orders">
      <thead><tr>{HEADS.map((head) => <th scope="col" key={head}>{head}</th>)}<th scope="col"><span className="hidden">Actions</span></th></tr></thead>
      <tbody>
        {orders.map((one) => (
          <tr key={one.order_id}>
            <th scope="row">{one.symbol}{one.leg && <small> {one.leg}</small>}</th>
            <td data-label="What">{Name(one.order_type)}{one.is_reduce_only && <small> reduce-only</small>}</td>
            <td data-label="Side" className={one.side === "buy" ? "gain" : "loss"}>{one.side === "buy" ? "▲ buy" : "▼ sell"}</td>
            <td data-label="Quantity">{one.quantity === null ? "all of the position" : exact(one.quantity)}{/[1-9]/.test(one.filled) && <small> {exact(one.filled)} filled</small>}</td>
            <td data-label="Price">{one.price ? priced(one.price, one.tick) : "market"}</td>
            <td data-label="Trigger">{one.trigger_price ? <>{priced(one.trigger_price, one.tick)} <small>{one.triggered_by}</small></> : "–"}</td>
            <td data-label="Lives">{one.trigger_price && !one.price ? "until triggered" : LIVES[one.time_in_force] ?? one.time_in_force}</td>
            <td className="actions"><button disabled={isBusy} onClick={() => onCancel(one)} aria-label={`Cancel ${one.order_type} in ${one.symbol}${one.leg ? ` ${one.leg}` : ""}`}>Cancel</button></td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
