import { createRoot } from "react-dom/client";
import "../styles/tokens.css";
import "../styles/ui.css";
import "../styles/connect.css";
import { ConnectApp } from "./app.tsx";
import { openSession, tokenOf } from "./session.ts";
import { firstLanguage } from "./use-language.ts";
import { LANGUAGES } from "./words/languages.ts";

// What is typed into is on its way before it is known whether there is anything to type.
void import("./form-step.tsx").catch(() => {});
const token = tokenOf(location.pathname);
const likely = firstLanguage(null);
// Both are asked for at once; where the link names another language, that is loaded before anything is shown or asked in it.
const [exchange, likelyWords] = await Promise.all([openSession(token), LANGUAGES[likely].load()]);
const language = firstLanguage("locale" in exchange ? exchange.locale : null);
const words = language === likely ? likelyWords : await LANGUAGES[language].load();
const root = document.getElementById("root");
if (root) createRoot(root).render(<ConnectApp token={token} first={{ exchange, language, words }} />);
