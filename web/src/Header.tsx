// Header: which contract, its prices, the settlement ahead; which world; whether the venue is there.
import { countdown, decimalsOf, minus, shown } from "./text";
import type { Theme } from "./theme";
import type { State, Venue } from "./wire";

interface Props {
  venue: Venue; state: State | null; symbol: string; isConnected: boolean; world: string; theme: Theme;
  onSymbol: (symbol: string) => void; onHome: () => void; onTheme: () => void;
}

export function Header({ venue, state, symbol, isConnected, world, theme, onSymbol, onHome, onTheme }: Props) {
  const rules = venue.symbols.find((one) => one.symbol === symbol);
  const decimals = decimalsOf(rules?.tick ?? "0.01");
  const market = state?.market;
  const price = (value: string | undefined) => (value === undefined ? "…" : shown(value, decimals));
  return (
    <header className="header">
      <h1 className="brand">
        <svg viewBox="0 0 32 32" width="22" height="22" aria-hidden="true"><path d="M5 9h22" className="line-isolated" strokeWidth="3" strokeLinecap="round" /><path d="M5 23h22" className="line-cross" strokeWidth="3" strokeLinecap="round" strokeDasharray="4 5" /><circle cx="16" cy="16" r="3.2" className="line-dot" /></svg>
        isocross
      </h1>
      <label className="picker"><span className="hidden">Contract</span>
        <select value={symbol} onChange={(event) => onSymbol(event.target.value)}>
          {venue.symbols.map((one) => <option key={one.symbol}>{one.symbol}</option>)}
        </select>
      </label>
      <dl className="facts">
        <div><dt>Mark</dt><dd className="big" data-testid="mark">{price(market?.mark)}</dd></div>
        <div className="wide"><dt>Index</dt><dd>{price(market?.index)}</dd></div>
        <div className="wide"><dt>Last</dt><dd>{price(market?.last)}</dd></div>
        <div><dt>24 h</dt><dd className={market?.change.startsWith("-") ? "loss" : "gain"}>{minus(market?.change ?? "…")}</dd></div>
        <div className="wide"><dt>Volume, {rules?.asset}</dt><dd>{shown(market?.volume ?? "0", 0)}</dd></div>
        <div className="wide widest"><dt>Open interest, {rules?.base}</dt><dd>{shown(market?.open_interest ?? "0", decimalsOf(rules?.step ?? "1"))}</dd></div>
        <div className="wide"><dt>Funding, in</dt><dd>{minus(market?.funding_rate ?? "…")} <span className="muted">{countdown(market?.funding_ms ?? null, state?.time_ms ?? 0)}</span></dd></div>
      </dl>
      <div className="who">
        {world && <button className="world" onClick={onHome}>A world beside · back to the venue</button>}
        <span className={isConnected ? "link on" : "link off"} role="status">{isConnected ? "connected" : "reconnecting …"}</span>
        <button className="quiet theme" onClick={onTheme} aria-label={theme === "dark" ? "Light theme" : "Dark theme"} title={theme === "dark" ? "Light theme" : "Dark theme"}><span aria-hidden="true">{theme === "dark" ? "☀" : "☾"}</span></button>
        <span className="account">{venue.account}</span>
      </div>
    </header>
  );
}
