import type { Named, Words } from "./words.ts";

const NOTHING_CONNECTED = "Es wurde nichts verbunden. Beginnen Sie von vorn, falls das ein Versehen war.";
const START_AGAIN = "Gehen Sie dorthin zurück, wo Sie herkamen, und beginnen Sie von vorn.";
const NOT_ME =
  "Wenn Sie das nicht selbst begonnen haben oder jemand anderes sind, wählen Sie „Das bin ich nicht“: Dann wird nichts verbunden.";
const STRANGE = "Diese Antwort gehört zu keiner Verbindung, die in diesem Browser begonnen wurde.";
const ASK = "Wenden Sie sich an die Stelle, die Sie hierher geschickt hat.";
const LATER = "Versuchen Sie es in ein paar Minuten noch einmal.";

const owner = ({ user }: Named) => (user ? `als das Konto von ${user}` : "für alle, die dort arbeiten");
const connectTitle = ({ connector }: Named) => `${connector} verbinden`;
const about = (again: string) => (named: Named) => ({
  message: `Ihr Konto bei ${named.connector} wird gleich ${again}mit ${named.product} verbunden, ${owner(named)}.`,
  remedy: NOT_ME,
});
const said =
  (message: string, remedy: string | null = START_AGAIN) =>
  () => ({ message, remedy });
const by =
  (message: (connector: string) => string, remedy: string) =>
  ({ connector }: Named) => ({
    message: message(connector),
    remedy,
  });

export const de: Words = {
  titles: {
    START: connectTitle,
    CHOICE: () => "Was möchten Sie verbinden?",
    FORM: connectTitle,
    DEVICE: connectTitle,
    CONFIRM: () => "Sind Sie das?",
    WAIT: () => "Einen Moment",
    DONE: () => "Verbunden",
    FAILED: () => "Das hat nicht geklappt",
    DENIED: () => "Nicht verbunden",
    CANCELED: () => "Abgebrochen",
    EXPIRED: () => "Zu spät",
    UNKNOWN_LINK: () => "Hier gibt es nichts zu sehen",
  },
  texts: {
    START: ({ connector }) => ({ message: `Verbinden Sie Ihr Konto bei ${connector}.`, remedy: null }),
    CHOICE: (named) => ({
      message: `Wählen Sie ein Konto, das mit ${named.product} verbunden wird, ${owner(named)}.`,
      remedy:
        "Wenn Ihnen jemand anderes diesen Link geschickt hat, schließen Sie diese Seite: Das Konto stünde sonst dieser Person offen.",
    }),
    CHOICE_GONE: said("Das lässt sich hier nicht verbinden.", "Wählen Sie etwas anderes."),
    FORM: about(""),
    FORM_AGAIN: about("erneut "),
    CONFIRM: about(""),
    DEVICE: (named) => ({
      message: `Geben Sie diesen Code bei ${named.connector} ein, auf diesem oder einem anderen Gerät: Ihr Konto dort wird dann mit ${named.product} verbunden, ${owner(named)}.`,
      remedy:
        "Wenn Sie das nicht selbst begonnen haben oder jemand Sie hierher geschickt hat, geben Sie ihn nicht ein: Das Konto stünde sonst dieser Person offen.",
    }),
    WAIT: ({ connector }) => ({ message: `Ihr Konto bei ${connector} wird gerade verbunden.`, remedy: null }),
    DONE: ({ connector }) => ({ message: `Ihr Konto bei ${connector} ist verbunden.`, remedy: null }),
    DENIED: ({ connector }) => ({
      message: `Sie haben den Zugriff auf Ihr Konto bei ${connector} nicht erlaubt.`,
      remedy: NOTHING_CONNECTED,
    }),
    CANCELED: said("Diese Verbindung wurde abgebrochen.", NOTHING_CONNECTED),
    RAN_OUT: said("Dieser Link ist abgelaufen."),
    UNKNOWN_LINK: said("Dieser Link ist hier nicht bekannt."),
    STRANGE: said(STRANGE),
    BROWSER_MISMATCH: said(
      `${STRANGE} (BROWSER_MISMATCH: Sie wurde in einem anderen Browser begonnen, oder dieser speichert keine Cookies.)`,
    ),
    FORM_BROWSER_MISMATCH: said(
      "Dieses Formular wurde in einem anderen Browser geöffnet, oder dieser speichert keine Cookies. (BROWSER_MISMATCH) Öffnen Sie den Link noch einmal.",
    ),
    PAGE_RAN_OUT: said("Diese Seite ist abgelaufen."),
    TOOK_TOO_LONG: said("Das hat zu lange gedauert."),
    ANSWER_TOO_LATE: said("Die Antwort des Anbieters kam hier zu spät an."),
  },
  failures: {
    INVALID_CLIENT: by(
      (name) => `${name} erkennt diese Anwendung nicht an.`,
      `Das liegt an der Einrichtung, nicht an Ihnen. ${ASK}`,
    ),
    REDIRECT_URI_MISMATCH: by(
      (name) => `${name} kennt die Adresse nicht, an die es Sie zurückschicken soll.`,
      `Das liegt an der Einrichtung, nicht an Ihnen. ${ASK}`,
    ),
    INVALID_SCOPE: by(
      (name) => `${name} kennt eine der angefragten Berechtigungen nicht.`,
      `Das liegt an der Einrichtung, nicht an Ihnen. ${ASK}`,
    ),
    SCOPE_NOT_APPROVED: by((name) => `${name} hat dieser Anwendung eine der Berechtigungen nicht freigegeben.`, ASK),
    ADMIN_CONSENT_REQUIRED: by(
      (name) => `Bei ${name} muss eine Administratorin oder ein Administrator zuerst zustimmen.`,
      "Bitten Sie in Ihrer Organisation darum und beginnen Sie danach von vorn.",
    ),
    APP_SUSPENDED: by((name) => `${name} hat diese Anwendung gesperrt.`, ASK),
    INVALID_GRANT: by((name) => `${name} nimmt diese Anmeldung nicht mehr an.`, "Beginnen Sie von vorn."),
    INVALID_CREDENTIALS: by(
      (name) => `${name} nimmt die Angaben nicht an.`,
      "Prüfen Sie, was Sie eingegeben haben, und beginnen Sie von vorn.",
    ),
    STATE_MISMATCH: said("Diese Antwort passt nicht zu dem, was begonnen wurde.", "Beginnen Sie von vorn, in einem Fenster."),
    BROWSER_MISMATCH: said(
      "Das wurde in einem anderen Browser begonnen.",
      "Beginnen Sie von vorn und bleiben Sie in einem Browser.",
    ),
    USER_MISMATCH: said(
      "Jemand anderes als die Person, die begonnen hat, hat die Verbindung abgeschlossen.",
      "Es wurde nichts verbunden. Beginnen Sie von vorn, angemeldet als die richtige Person, und leiten Sie den Link nicht weiter.",
    ),
    ISSUER_MISMATCH: by((name) => `Die Antwort kam nicht von ${name}.`, "Es wurde nichts verbunden. Beginnen Sie von vorn."),
    ACCOUNT_MISMATCH: by(
      (name) => `Das ist ein anderes Konto bei ${name} als bisher.`,
      "Melden Sie sich dort mit dem bisherigen Konto an und beginnen Sie von vorn.",
    ),
    ACCOUNT_UNVERIFIABLE: by((name) => `${name} sagt nicht, wessen Konto das ist.`, ASK),
    ACCOUNT_ALREADY_CONNECTED: by(
      (name) => `Dieses Konto bei ${name} ist schon verbunden.`,
      "Melden Sie sich dort mit einem anderen Konto an, falls Sie ein weiteres verbinden wollen.",
    ),
    DEVICE_CODE_EXPIRED: said("Der Code ist abgelaufen.", "Beginnen Sie von vorn, um einen neuen zu bekommen."),
    PROVIDER_UNREACHABLE: by((name) => `${name} ist gerade nicht zu erreichen.`, LATER),
    PROVIDER_ERROR: by((name) => `Bei ${name} ist etwas schiefgegangen.`, LATER),
    RATE_LIMITED: by((name) => `${name} nimmt gerade keine weiteren Anfragen an.`, LATER),
    MALFORMED_RESPONSE: by((name) => `Die Antwort von ${name} war nicht zu verstehen.`, `${LATER} Bleibt es dabei: ${ASK}`),
    CONFIG_CHANGED: said("So kann hier nicht mehr verbunden werden: Die Einrichtung wurde geändert oder abgeschaltet.", ASK),
    INTERNAL: said(
      "Bei uns ist etwas schiefgegangen, während das Konto verbunden wurde.",
      "Beginnen Sie von vorn. Geschieht es noch einmal, sagen Sie denen Bescheid, die diesen Dienst betreiben.",
    ),
  },
  failed: "Die Verbindung ist gescheitert.",
  provider: "dem Anbieter",
  account: "Ihr Konto",
  errorTitle: (title) => `Fehler: ${title}`,
  forWhom: "Für:",
  mayBeUsedFor: "Wofür es benutzt werden darf:",
  connect: "Verbinden",
  notMe: "Das bin ich nicht",
  willBeSent: (connector) => `Sie werden zu ${connector} weitergeleitet, um sich anzumelden und zuzustimmen.`,
  goOn: "Weiter",
  tryAgain: "Noch einmal versuchen",
  backTo: (product) => (product ? `Zurück zu ${product}` : "Zurück"),
  toList: "Zurück zur Liste",
  closeWindow: "Dieses Fenster schließen",
  open: (address) => `${address} öffnen`,
  deviceShows: "Diese Seite zeigt an, wenn es geschafft ist.",
  nothingToChoose: `Im Augenblick gibt es hier nichts zu wählen. ${ASK}`,
  form: {
    invalid: "Einige Angaben stimmen noch nicht.",
    notSaved: (message) => `Es wurde nichts gespeichert. ${message}`,
    secretsAgain: "Geheime Angaben werden nie wieder angezeigt: Geben Sie sie noch einmal ein.",
    optional: "freiwillig",
    choose: "Bitte wählen …",
    whereToFind: "Wo Sie das finden",
    example: (text) => `Zum Beispiel: ${text}`,
    onlyWhere: (conditions) =>
      `Nur wenn ${conditions.map(({ label, values }) => `${label} ${values.join(" oder ")} ist`).join(" und ")}.`,
  },
  onward: { title: "Einen Moment", message: "Sie werden zurückgeleitet." },
};
