import type { Words } from "./words.ts";

const AGAIN_LATER = "Versuchen Sie es in ein paar Minuten noch einmal. Bleibt es so, wenden Sie sich an den Support.";
const NOT_YOURS = "Das können Sie nicht selbst beheben: Melden Sie es dem Support, mit den Einzelheiten unten.";

export const failures: Words["failures"] = {
  INVALID_CLIENT: { title: "Der Anbieter erkennt die Anmeldung dieses Produkts nicht an", remedy: NOT_YOURS },
  REDIRECT_URI_MISMATCH: { title: "Der Anbieter kennt die Adresse für den Rückweg nicht", remedy: NOT_YOURS },
  INVALID_SCOPE: { title: "Der Anbieter kennt eine der erbetenen Berechtigungen nicht", remedy: NOT_YOURS },
  SCOPE_NOT_APPROVED: {
    title: "Eine nötige Berechtigung wurde nicht erteilt",
    remedy:
      "Versuchen Sie es noch einmal und lassen Sie alle Berechtigungen angekreuzt. Bietet der Anbieter sie nicht an, wenden Sie sich an den Support.",
  },
  ADMIN_CONSENT_REQUIRED: {
    title: "Das muss erst eine Administratorin oder ein Administrator erlauben",
    remedy:
      "Bitten Sie die Administration Ihrer Organisation beim Anbieter um die Freigabe, und versuchen Sie es dann noch einmal.",
  },
  APP_SUSPENDED: { title: "Der Anbieter hat dieses Produkt gesperrt", remedy: NOT_YOURS },
  INVALID_GRANT: {
    title: "Die Antwort des Anbieters galt nicht mehr",
    remedy:
      "Das kommt vor, wenn eine Seite lange offen ist oder zweimal abgeschickt wird. Versuchen Sie es noch einmal ohne Pause.",
  },
  INVALID_CREDENTIALS: {
    title: "Der Anbieter nimmt diese Angaben nicht an",
    remedy: "Prüfen Sie sie auf Tippfehler und ob sie noch gelten, und versuchen Sie es noch einmal.",
  },
  STATE_MISMATCH: {
    title: "Die Antwort gehört zu einem anderen Versuch",
    remedy: "Versuchen Sie es noch einmal, und bleiben Sie bis zum Ende in dem Fenster, das sich dann öffnet.",
  },
  BROWSER_MISMATCH: {
    title: "Es wurde in einem anderen Browser zu Ende geführt",
    remedy: "Versuchen Sie es noch einmal, und bleiben Sie von Anfang bis Ende in einem Browser. Cookies müssen erlaubt sein.",
  },
  USER_MISMATCH: {
    title: "Jemand anderes ist angemeldet",
    remedy: "Das war für eine andere Person gedacht. Melden Sie sich richtig an, und beginnen Sie dort neu.",
  },
  ISSUER_MISMATCH: {
    title: "Die Antwort kam von einem anderen Anbieter",
    remedy: "Zur Sicherheit wurde nichts verbunden. Versuchen Sie es noch einmal; bleibt es so, wenden Sie sich an den Support.",
  },
  ACCOUNT_MISMATCH: {
    title: "Das war ein anderes Konto",
    remedy: "Versuchen Sie es noch einmal mit dem Konto, das zuvor verbunden war. Ein zweites Konto verbinden Sie als neues.",
  },
  ACCOUNT_UNVERIFIABLE: {
    title: "Es lässt sich nicht feststellen, ob es dasselbe Konto ist",
    remedy:
      "Zur Sicherheit wurde nichts geändert. Verbinden Sie das Konto stattdessen als neues, oder wenden Sie sich an den Support.",
  },
  ACCOUNT_ALREADY_CONNECTED: {
    title: "Dieses Konto ist schon verbunden",
    remedy: "Es ist nichts zu tun, außer Sie meinten ein anderes: Dann versuchen Sie es mit jenem noch einmal.",
  },
  DEVICE_CODE_EXPIRED: {
    title: "Der Code wurde nicht rechtzeitig eingegeben",
    remedy: "Versuchen Sie es noch einmal: Sie bekommen einen neuen Code.",
  },
  PROVIDER_UNREACHABLE: { title: "Der Anbieter ist nicht erreichbar", remedy: AGAIN_LATER },
  PROVIDER_ERROR: { title: "Der Anbieter meldet einen Fehler", remedy: AGAIN_LATER },
  RATE_LIMITED: {
    title: "Der Anbieter bekommt zu viele Anfragen",
    remedy: "Warten Sie ein paar Minuten, und versuchen Sie es dann noch einmal.",
  },
  MALFORMED_RESPONSE: { title: "Die Antwort des Anbieters war nicht lesbar", remedy: AGAIN_LATER },
  CONFIG_CHANGED: {
    title: "Die Einstellungen haben sich inzwischen geändert",
    remedy: "Versuchen Sie es noch einmal: Dann gelten die neuen.",
  },
  INTERNAL: { title: "Hier ist etwas schiefgegangen", remedy: AGAIN_LATER },
};

export const tests: Words["tests"] = {
  OK: { title: "Es funktioniert.", remedy: "" },
  INVALID_CREDENTIALS: {
    title: "Diese Angaben werden nicht angenommen.",
    remedy: "Prüfen Sie Benutzername, Passwort oder Schlüssel auf Tippfehler und ob sie noch gelten.",
  },
  PERMISSION_DENIED: {
    title: "Die Anmeldung gelang, aber der Zugriff ist nicht erlaubt.",
    remedy: "Geben Sie diesem Benutzer oder Schlüssel die nötigen Rechte, oder nehmen Sie einen anderen.",
  },
  RESOURCE_NOT_FOUND: {
    title: "Das Genannte gibt es dort nicht.",
    remedy: "Prüfen Sie den Namen der Datenbank, des Buckets oder des Kontos.",
  },
  HOST_NOT_FOUND: { title: "Diesen Server gibt es nicht.", remedy: "Prüfen Sie den Namen oder die Adresse auf Tippfehler." },
  CONNECTION_REFUSED: {
    title: "Dort antwortet nichts.",
    remedy: "Prüfen Sie Server und Port, und ob eine Firewall Verbindungen durchlässt.",
  },
  TIMEOUT: {
    title: "Es kam nicht rechtzeitig eine Antwort.",
    remedy: "Prüfen Sie Server und Port, und ob eine Firewall Verbindungen durchlässt. Versuchen Sie es dann noch einmal.",
  },
  TLS_ERROR: {
    title: "Es kam keine sichere Verbindung zustande.",
    remedy: "Prüfen Sie die Einstellungen zur Verschlüsselung und die Zertifikate.",
  },
  RATE_LIMITED: {
    title: "Gerade gibt es zu viele Anfragen.",
    remedy: "Warten Sie ein paar Minuten, und versuchen Sie es dann noch einmal.",
  },
  PROVIDER_ERROR: {
    title: "Die Gegenseite meldet einen Fehler.",
    remedy: "Versuchen Sie es in ein paar Minuten noch einmal. Bleibt es so, prüfen Sie Ihre Angaben.",
  },
  TOKEN_EXPIRED: { title: "Dieser Schlüssel ist abgelaufen.", remedy: "Holen Sie einen neuen, und geben Sie ihn hier ein." },
  BLOCKED_ADDRESS: {
    title: "Diese Adresse darf von hier aus nicht erreicht werden.",
    remedy: "Nehmen Sie eine, die öffentlich im Internet ist, oder wenden Sie sich an den Support.",
  },
  DRIVER_MISSING: { title: "Das lässt sich hier zurzeit nicht testen.", remedy: "Wenden Sie sich an den Support." },
  NOT_TESTABLE: { title: "Das lässt sich nicht testen.", remedy: "Drücken Sie „Verbinden“, um es so zu speichern." },
};
