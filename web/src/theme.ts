// Theme: light or dark, as the system has it or as somebody chose; kept in this browser.
import { useEffect, useState } from "react";

export type Theme = "light" | "dark";
const KEY = "isocross-theme";
const system = matchMedia("(prefers-color-scheme: light)");

function chosen(): Theme | null {
  try {
    const kept = localStorage.getItem(KEY);
    return kept === "light" || kept === "dark" ? kept : null;
  } catch { return null; }
}

const now = (): Theme => chosen() ?? (system.matches ? "light" : "dark");

/** Before anything is drawn. */
export function applyTheme() { document.documentElement.dataset.theme = now(); }

export function useTheme(): [Theme, () => void] {
  const [theme, setTheme] = useState<Theme>(now);
  useEffect(() => {
    const follow = () => setTheme(now());
    system.addEventListener("change", follow);
    return () => system.removeEventListener("change", follow);
  }, []);
  useEffect(() => { document.documentElement.dataset.theme = theme; }, [theme]);
  const turn = () => setTheme((old) => {
    const next = old === "light" ? "dark" : "light";
    try { localStorage.setItem(KEY, next); } catch { /* it holds for this page then */ }
    return next;
  });
  return [theme, turn];
}
