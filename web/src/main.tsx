// Main: signs in by the link's token if there is one, then shows the page.
import { createRoot } from "react-dom/client";
import { Page } from "./Page";
import { applyTheme } from "./theme";
import { post } from "./wire";

const TOKEN = "sign-in=";

async function signIn(): Promise<string> {
  const hash = location.hash.slice(1);
  if (!hash.startsWith(TOKEN)) return "";
  history.replaceState(null, "", location.pathname); // out of the address before anything else
  try {
    await post("/sign-in", { token: hash.slice(TOKEN.length) });
    return "";
  } catch (fault) {
    return (fault as Error).message;
  }
}

applyTheme();
const root = createRoot(document.getElementById("page") as HTMLElement);
void signIn().then((fault) => root.render(<Page signInFault={fault} />));
