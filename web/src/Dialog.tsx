// Dialog: the browser's own modal dialog: it holds the focus, Escape closes it, the focus goes back to where it was.
import { useEffect, useId, useRef, type ReactNode } from "react";

export function Dialog({ title, onClose, children, isWide }: { title: string; onClose: () => void; children: ReactNode; isWide?: boolean }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    dialog.current?.showModal();
    return () => before?.focus?.();
  }, []);
  return (
    <dialog ref={dialog} aria-labelledby={id} className={isWide ? "wide" : ""} onCancel={(event) => { event.preventDefault(); onClose(); }}
      onClick={(event) => { if (event.target === dialog.current) onClose(); }}>
      <div className="dialog-body">
        <div className="dialog-head"><h2 id={id}>{title}</h2><button className="quiet" aria-label="Close" onClick={onClose}>✕</button></div>
        {children}
      </div>
    </dialog>
  );
}
