import { ConnectionFailed, type ConnectionRequest, createMoorline, MoorlineError, type PopupClosed } from "moorline/client";

/** The front end of a product, as small as it can be: one button, and what became of it. */

interface Settings {
  moorlineUrl: string;
  connector: string;
  user: string;
  returnUrl: string;
}

const settings: Settings = await (await fetch("/settings")).json();
const { connector, returnUrl } = settings;

/** A fresh token for whoever is signed in here. Moorline's client asks again by itself when it has run out. */
async function session(): Promise<string> {
  const answer = await fetch("/session", { method: "POST" });
  if (!answer.ok) throw new Error("Sign in first.");
  return (await answer.json()).token;
}

const moorline = createMoorline({ url: settings.moorlineUrl, session });
let closed: PopupClosed | null = null;

const element = (id: string) => document.getElementById(id) as HTMLElement;
element("user").textContent = settings.user;

function onChange(request: ConnectionRequest): void {
  element("waiting").hidden = true;
  element("status").textContent = `Connecting to ${request.connector.name}…`;
  const step = document.createElement("li");
  step.textContent = request.status;
  element("steps").append(step);
}

/** Says how it ended. A failure comes with what to do about it. */
async function show(ending: ReturnType<typeof moorline.resume>): Promise<void> {
  try {
    const credential = await ending;
    if (credential) element("status").textContent = `Connected: ${credential.account?.name ?? credential.id}`;
  } catch (error) {
    const remedy = error instanceof ConnectionFailed ? ` ${error.failure.remedy}` : "";
    const code = error instanceof MoorlineError ? error.code : "ERROR";
    element("status").textContent = `${code}: ${(error as Error).message}${remedy}`;
  }
  element("waiting").hidden = true;
}

element("connect").onclick = () => {
  element("steps").replaceChildren();
  const onPopupClosed = (now: PopupClosed) => {
    closed = now;
    element("waiting").hidden = false;
  };
  show(moorline.connect({ connector, onChange, onPopupClosed }));
};
element("redirect").onclick = () => show(moorline.startRedirect({ connector, returnUrl }));
element("again").onclick = () => {
  element("waiting").hidden = closed?.reopen() ?? true;
};
element("cancel").onclick = () => closed?.cancel();

show(moorline.resume({ onChange }));
