// Checklist: what the rules say of the order in the form, asked while it is open: pass, warn or block, each with its reason.
import { useState } from "react";
import { minus, Name } from "./text";
import { useAsked } from "./useAsked";
import type { Checked } from "./wire";

const SIGNS = { pass: "✓", warn: "△", block: "✕" };

export function Checklist({ order }: { order: object | null }) {
  const [isOpen, setIsOpen] = useState(false);
  const [told, fault] = useAsked<Checked>("/check", isOpen ? order : null, "");
  const counts = (["block", "warn"] as const).map((verdict) => [verdict, told?.rules.filter((one) => one.verdict === verdict).length ?? 0] as const).filter(([, count]) => count > 0);
  return (
    <details className="checklist" onToggle={(event) => setIsOpen(event.currentTarget.open)}>
      <summary>Checklist{isOpen && told && told.verdict && <span className={`verdict ${told.verdict}`}> {SIGNS[told.verdict]} {counts.map(([verdict, count]) => `${count} ${verdict}`).join(", ") || "all pass"}</span>}</summary>
      {isOpen && fault && <p className="muted">{fault}</p>}
      {isOpen && told?.rules.length === 0 && <p className="muted">It is asked of orders that are placed at once.</p>}
      {isOpen && (
        <ul data-testid="checklist">
          {told?.rules.map((one) => (
            <li key={one.rule} className={one.verdict}><b>{SIGNS[one.verdict]} <span className="hidden">{one.verdict}: </span>{Name(one.rule)}</b> <span>{minus(one.reason)}</span></li>
          ))}
        </ul>
      )}
    </details>
  );
}
