// Page: the zones of the page and what they share: the world that is looked at, the form, dialogs, what was said last.
import { useCallback, useEffect, useRef, useState } from "react";
import { AccountBar } from "./AccountBar";
import { alarmText, AlarmsDialog } from "./AlarmsDialog";
import { Book } from "./Book";
import { Chart } from "./Chart";
import { linesOf } from "./chartLines";
import type { Line } from "./chartStyle";
import { ClockBar } from "./ClockBar";
import { CloseDialog } from "./CloseDialog";
import { ContractsDialog } from "./ContractsDialog";
import { ExitsDialog } from "./ExitsDialog";
import { blankForm, formOf, hasLimit, isFilled, orderOf, type Form } from "./form";
import { Header } from "./Header";
import { Holdings } from "./Holdings";
import { MarginDialog } from "./MarginDialog";
import { ModeDialog } from "./ModeDialog";
import { OrderForm } from "./OrderForm";
import type { PositionAct } from "./Positions";
import { ReceiptDialog } from "./ReceiptDialog";
import { RewindDialog } from "./RewindDialog";
import { useStream, type View } from "./stream";
import { Name, other, priced } from "./text";
import { useTheme } from "./theme";
import { TwinStrip } from "./TwinStrip";
import { usePreview } from "./usePreview";
import { get, post, Refused, type Alarmed, type Mode, type Position, type ReceiptHead, type State, type Twin, type Venue } from "./wire";

const TWIN_COMMANDS_MAX = 100_000; // of a history that a twin lives again unasked
type Tab = "trade" | "account" | "book";

export function Page({ signInFault }: { signInFault: string }) {
  const [venue, setVenue] = useState<Venue | null>(null);
  const [fault, setFault] = useState(signInFault);
  const [view, setView] = useState<View>({ world: "", symbol: "", interval: "1m", width: 1 });
  const { state, twin, isTwinTold, isConnected } = useStream(view, venue !== null && view.symbol !== "");

  const look = useCallback(async (world: string) => {
    try {
      const told = await get<Venue>("/venue", { world });
      setVenue(told);
      setView((old) => ({ ...old, world, symbol: told.trade?.form.symbol ?? (old.symbol || (told.symbols[0]?.symbol ?? "")) }));
    } catch (problem) {
      setFault((old) => old || (problem as Error).message);
    }
  }, []);
  useEffect(() => void look(""), [look]);

  if (venue === null) return <Door fault={fault} />;
  return (
    <Desk key={view.world} venue={venue} view={view} setView={setView} state={state} twin={twin} isTwinTold={isTwinTold} isConnected={isConnected} look={look} />
  );
}

function Door({ fault }: { fault: string }) {
  return (
    <main className="door">
      <h1>isocross</h1>
      <p role="status">{fault || "One moment …"}</p>
      {fault && <p className="muted">The venue prints a sign-in link each time it starts. Each works once; signing in lasts thirty days.</p>}
    </main>
  );
}

interface DeskProps {
  venue: Venue; view: View; setView: (change: (old: View) => View) => void; state: State | null; twin: Twin | null;
  isTwinTold: boolean; isConnected: boolean; look: (world: string) => Promise<void>;
}

function Desk({ venue, view, setView, state, twin, isTwinTold, isConnected, look }: DeskProps) {
  const rules = venue.symbols.find((one) => one.symbol === view.symbol) ?? venue.symbols[0]!;
  const [form, setForm] = useState<Form>(() => (venue.trade ? formOf(venue.trade.form) : blankForm()));
  const [isScene, setIsScene] = useState(venue.trade !== null);
  const [said, setSaid] = useState("");
  const [problem, setProblem] = useState("");
  const [isBusy, setIsBusy] = useState(false);
  const [tab, setTab] = useState<Tab>("trade");
  const [isAskingMode, setIsAskingMode] = useState<"" | "look" | "order">("");
  const [acted, setActed] = useState<{ act: PositionAct; symbol: string; leg: Position["leg"] } | null>(null);
  const [dialog, setDialog] = useState<"" | "contracts" | "alarms" | "rewind">("");
  const [alarm, setAlarm] = useState<Alarmed | null>(null);
  const [theme, turnTheme] = useTheme();
  const [receipt, setReceipt] = useState<number | null>(null);
  const [receipts, setReceipts] = useState<ReceiptHead[]>([]);
  const last = useRef<ReceiptHead | null>(null);

  const there = state?.market.symbol === view.symbol ? state : null;
  const settings = there?.settings[view.symbol];
  const mode: Mode = form.mode ?? settings?.mode ?? "cross";
  const leverage = form.leverage ?? settings?.leverage ?? 20;
  const position = there?.positions.find((one) => one.symbol === view.symbol) ?? null;
  const preview = usePreview(view, form, mode, leverage, there?.market.mark ?? "", position?.quantity ?? "");
  const isConfirmed = form.mode !== null || (settings?.is_confirmed ?? true);

  const act = useCallback(async (what: () => Promise<unknown>, success: string, isOrder = false) => {
    setIsBusy(true);
    setProblem("");
    try {
      await what();
      if (success) setSaid(success);
      return true;
    } catch (refused) {
      const told = refused instanceof Refused ? refused.message : "The venue does not answer.";
      if (isOrder) setProblem(told);
      else setSaid(told);
      return false;
    } finally {
      setIsBusy(false);
    }
  }, []);

  // A liquidation is told of by its count; its receipt is asked for.
  const liquidated = there?.liquidated ?? 0;
  useEffect(() => {
    void get<{ receipts: ReceiptHead[] }>("/receipts", { world: view.world }).then((told) => {
      setReceipts(told.receipts);
      last.current = told.receipts.at(-1) ?? null;
      if (liquidated > 0 && last.current) setSaid("Liquidated: its receipt is there.");
    }).catch(() => undefined);
  }, [liquidated, view.world]);

  // A position without a twin gets one when it is first looked at: after a restart of the venue, or when a bot opened it.
  const canTwin = (there?.position ?? 0) < TWIN_COMMANDS_MAX;
  const offered = useRef(new Set<string>());
  const isTwinWanted = isTwinTold && twin === null && position !== null && canTwin;
  useEffect(() => {
    if (!isTwinWanted || offered.current.has(view.symbol)) return;
    offered.current.add(view.symbol);
    void post("/twin", { world: view.world, symbol: view.symbol }).catch(() => undefined);
  }, [isTwinWanted, view.symbol, view.world]);

  const twinDied = twin !== null && twin.positions.length === 0 && twin.liquidated_ms !== null;
  useEffect(() => { if (twinDied && twin) setSaid(`The twin in ${twin.mode} margin was liquidated.`); }, [twinDied]);

  // An alarm is told once, by the number that only grows; those from before this page are not news.
  const alarmed = there?.alarmed.at(-1) ?? null;
  const heard = useRef<number | null>(null);
  useEffect(() => {
    if (!there) return;
    if (heard.current !== null && alarmed && alarmed.number > heard.current) setAlarm(alarmed);
    heard.current = alarmed?.number ?? 0;
  }, [there !== null, alarmed?.number]);

  useEffect(() => { if (twin) offered.current.add(view.symbol); }, [twin !== null, view.symbol]); // one that was let go stays away
  const place = async (chosen: Mode, isPlay: boolean) => {
    const isOpening = position === null;
    if (isOpening && canTwin) offered.current.add(view.symbol); // it is asked for below, once the order is there
    return act(async () => {
      await post("/order", orderOf(form, view.world, view.symbol, chosen, leverage));
      setIsScene(false);
      setForm((old) => ({ ...blankForm(), side: old.side, type: old.type, timeInForce: old.timeInForce })); // before anything that takes a while
      if (isOpening && canTwin) await post("/twin", { world: view.world, symbol: view.symbol }).catch(() => undefined);
      if (isPlay) await post("/clock", { world: view.world, speed: venue.trade?.speed ?? 1 });
    }, isPlay ? `The trade is placed in ${chosen} margin; time runs.` : "The order is placed.", true);
  };

  const submit = (isPlay: boolean) => {
    if (!isConfirmed && !isPlay) setIsAskingMode("order");
    else void place(mode, isPlay);
  };

  const again = (number: number, how: "same" | "other") => void act(async () => {
    const told = await post<{ world: string }>("/again", { world: view.world, receipt: number, mode: how });
    setReceipt(null);
    await look(told.world);
  }, "");

  const lookAt = (symbol: string) => { setForm(blankForm()); setIsScene(false); setView((old) => ({ ...old, symbol, width: 1 })); };
  const moveLine = async (line: Line, price: string) => {
    const grip = line.grip;
    if (grip === undefined) return;
    if ("field" in grip) setForm((old) => ({ ...old, [grip.field]: price }));
    else await act(() => post("/amend", { world: view.world, order_id: grip.order, price }), `The ${line.title} is at ${priced(price, rules.tick)} now.`);
  };

  const lines = linesOf(view.symbol, mode, there, twin, preview.preview?.columns ?? [], form);
  const recent = receipts.at(-1);
  const isDead = liquidated > 0 && recent !== undefined;

  return (
    <div className="desk" data-tab={tab}>
      <Header venue={venue} state={there} symbol={view.symbol} isConnected={isConnected} world={view.world} theme={theme} onTheme={turnTheme}
        onSymbol={lookAt}
        onHome={() => void look("")} />
      <ClockBar state={there} world={view.world} act={act} isScene={isScene} hasPosition={(there?.positions.length ?? 0) > 0} onRewind={() => setDialog("rewind")} />
      <main className="zones">
        <section className="zone chart-zone" aria-label="Chart">
          <Chart world={view.world} symbol={view.symbol} interval={view.interval} tick={rules.tick} state={there} lines={lines} position={nearestToItsEnd(there?.positions ?? [], view.symbol)} theme={theme}
            onInterval={(interval) => setView((old) => ({ ...old, interval }))} onMove={moveLine} />
        </section>
        <Book state={there} rules={rules} width={view.width} onWidth={(width) => setView((old) => ({ ...old, width }))} onPrice={(price) => setForm((old) => ({ ...old, type: hasLimit(old.type) ? old.type : "limit", price }))} />
        <OrderForm form={form} setForm={setForm} rules={rules} mode={mode} leverage={leverage} preview={preview} isConfirmed={isConfirmed}
          isBusy={isBusy} problem={problem} scene={isScene ? venue.trade : null} onModeChip={() => setIsAskingMode("look")} onSubmit={submit}
          position={position} order={isFilled(form) ? orderOf(form, view.world, view.symbol, mode, leverage) : null} />
        <section className="zone lower" aria-label="Account">
          {isDead && (
            <div className="died" role="alert">
              <div><strong><span aria-hidden="true">✕ </span>{Name(recent.mode)} was liquidated.</strong> {recent.sentence}</div>
              <div className="row">
                <button className="strong" onClick={() => setReceipt(recent.number)}>Receipt</button>
                <button onClick={() => again(recent.number, "same")}>Live it again</button>
                <button onClick={() => again(recent.number, "other")}>… in {other(recent.mode)}</button>
              </div>
            </div>
          )}
          {alarm && (
            <div className="alarm" role="alert"><span><span aria-hidden="true">⚠ </span><strong>Alarm.</strong> {alarmText(alarm)}</span><button onClick={() => setAlarm(null)}>Heard</button></div>
          )}
          <AccountBar state={there} />
          <TwinStrip state={there} twin={twin} symbol={view.symbol} world={view.world} act={act} />
          <Holdings state={there} receipts={receipts} act={act} world={view.world} isBusy={isBusy} onReceipt={setReceipt} onAgain={again}
            onAct={(what, one) => setActed({ act: what, symbol: one.symbol, leg: one.leg })} onContracts={() => setDialog("contracts")} onAlarms={() => setDialog("alarms")} />
        </section>
      </main>
      <nav className="tabs-bottom" aria-label="Panels">
        {(["trade", "account", "book"] as Tab[]).map((one) => (
          <button key={one} aria-pressed={tab === one} onClick={() => setTab(one)}>{Name(one)}</button>
        ))}
      </nav>
      <footer className="foot">
        {venue.notes[0] && <span>{venue.notes[0]}</span>}
        <span>Charts by <a href="https://www.tradingview.com/" target="_blank" rel="noreferrer noopener">TradingView</a> Lightweight Charts™</span>
      </footer>
      <div role="status" aria-live="polite">{said && <span className="said" key={said}>{said}</span>}</div>
      {isAskingMode && settings && (
        <ModeDialog symbol={view.symbol} current={settings.mode} wanted={mode} isConfirmed={settings.is_confirmed} preview={preview.preview} world={view.world}
          isOrder={isAskingMode === "order"} onClose={() => setIsAskingMode("")}
          onChosen={(chosen) => {
            const isOrder = isAskingMode === "order";
            setIsAskingMode("");
            setForm((old) => ({ ...old, mode: null }));
            setSaid(`${view.symbol} is in ${chosen} margin.`);
            if (isOrder) void place(chosen, false);
          }} />
      )}
      {acted && there && <ActDialog acted={acted} state={there} world={view.world} onClose={() => setActed(null)} onDone={setSaid} />}
      {dialog === "contracts" && there && (
        <ContractsDialog symbols={venue.symbols} state={there} world={view.world} onClose={() => setDialog("")}
          onLook={(symbol) => { setDialog(""); lookAt(symbol); }} />
      )}
      {dialog === "rewind" && <RewindDialog world={view.world} onClose={() => setDialog("")} onWorld={(world) => { setDialog(""); void look(world); }} />}
      {dialog === "alarms" && there && <AlarmsDialog state={there} symbol={view.symbol} world={view.world} onClose={() => setDialog("")} />}
      {receipt !== null && <ReceiptDialog number={receipt} world={view.world} onClose={() => setReceipt(null)} onAgain={again} />}
    </div>
  );
}

/** Of a contract's positions (long and short stand beside each other in hedge mode) the one whose liquidation is nearest. */
function nearestToItsEnd(positions: Position[], symbol: string): Position | null {
  const reach = (one: Position) => (one.liquidation_price ? Math.abs(Number.parseFloat(one.distance)) : Infinity);
  return positions.filter((one) => one.symbol === symbol).sort((one, other) => reach(one) - reach(other))[0] ?? null;
}

/** What is done to a position, in its dialog. */
function ActDialog({ acted, state, world, onClose, onDone }: {
  acted: { act: PositionAct; symbol: string; leg: Position["leg"] }; state: State; world: string; onClose: () => void; onDone: (text: string) => void;
}) {
  const position = state.positions.find((one) => one.symbol === acted.symbol && one.leg === acted.leg) ?? null;
  const shared = { position, world, onClose, onDone };
  if (acted.act === "close") return <CloseDialog {...shared} asset={state.wallet.asset} />;
  if (acted.act === "exits") return <ExitsDialog {...shared} orders={state.orders} />;
  return <MarginDialog {...shared} asset={state.wallet.asset} />;
}
