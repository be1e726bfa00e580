import type { Named, Words } from "./words.ts";

const NOTHING_CONNECTED = "Nothing was connected. Start again if that was a mistake.";
const START_AGAIN = "Go back to where you came from and start again.";
const NOT_ME = "If you did not start this yourself, or are somebody else, choose “This is not me”: nothing will be connected.";
const STRANGE = "This answer belongs to no connection that was started in this browser.";

const owner = ({ user }: Named) => (user ? `as the account of ${user}` : "for everyone who works there");
const connectTitle = ({ connector }: Named) => `Connect ${connector}`;
const about = (again: string) => (named: Named) => ({
  message: `Your ${named.connector} account is about to be connected ${again}to ${named.product}, ${owner(named)}.`,
  remedy: NOT_ME,
});
const said =
  (message: string, remedy: string | null = START_AGAIN) =>
  () => ({ message, remedy });

export const en: Words = {
  titles: {
    START: connectTitle,
    CHOICE: () => "What would you like to connect?",
    FORM: connectTitle,
    DEVICE: connectTitle,
    CONFIRM: () => "Is this you?",
    WAIT: () => "One moment",
    DONE: () => "Connected",
    FAILED: () => "That did not work",
    DENIED: () => "Not connected",
    CANCELED: () => "Cancelled",
    EXPIRED: () => "Too late",
    UNKNOWN_LINK: () => "Nothing to see here",
  },
  texts: {
    START: ({ connector }) => ({ message: `Connect your ${connector} account.`, remedy: null }),
    CHOICE: (named) => ({
      message: `Choose an account to connect to ${named.product}, ${owner(named)}.`,
      remedy: "If somebody else sent you this link, close this page: the account would be theirs to use.",
    }),
    CHOICE_GONE: said("This can't be connected here.", "Choose another one."),
    FORM: about(""),
    FORM_AGAIN: about("again "),
    CONFIRM: about(""),
    DEVICE: (named) => ({
      message: `Enter this code at ${named.connector}, on this or any other device: your account there will then be connected to ${named.product}, ${owner(named)}.`,
      remedy:
        "If you did not start this yourself, or somebody sent you here, don’t enter it: the account would be theirs to use.",
    }),
    WAIT: ({ connector }) => ({ message: `Your ${connector} account is being connected.`, remedy: null }),
    DONE: ({ connector }) => ({ message: `Your ${connector} account is connected.`, remedy: null }),
    DENIED: ({ connector }) => ({
      message: `You did not allow access to your ${connector} account.`,
      remedy: NOTHING_CONNECTED,
    }),
    CANCELED: said("This connection was cancelled.", NOTHING_CONNECTED),
    RAN_OUT: said("This link has run out."),
    UNKNOWN_LINK: said("This link is not known here."),
    STRANGE: said(STRANGE),
    BROWSER_MISMATCH: said(
      `${STRANGE} (BROWSER_MISMATCH: it was started in another browser, or this one does not keep cookies.)`,
    ),
    FORM_BROWSER_MISMATCH: said(
      "This form was opened in another browser, or this one does not keep cookies. (BROWSER_MISMATCH) Open the link again.",
    ),
    PAGE_RAN_OUT: said("This page has run out."),
    TOOK_TOO_LONG: said("This took too long."),
    ANSWER_TOO_LATE: said("The answer of the provider took too long to arrive here."),
  },
  failures: null,
  failed: "The connection failed.",
  provider: "the provider",
  account: "your account",
  errorTitle: (title) => `Error: ${title}`,
  forWhom: "For:",
  mayBeUsedFor: "What it may be used for:",
  connect: "Connect",
  notMe: "This is not me",
  willBeSent: (connector) => `You will be sent to ${connector} to sign in and allow it.`,
  goOn: "Continue",
  tryAgain: "Try again",
  backTo: (product) => `Back to ${product ?? "where you came from"}`,
  toList: "Back to the list",
  closeWindow: "Close this window",
  open: (address) => `Open ${address}`,
  deviceShows: "This page shows when it is done.",
  nothingToChoose: "There is nothing to choose from at the moment. Ask whoever sent you here.",
  form: {
    invalid: "Some values need another look.",
    notSaved: (message) => `Nothing was saved. ${message}`,
    secretsAgain: "Secret values are never shown again: enter them once more.",
    optional: "optional",
    choose: "Choose…",
    whereToFind: "Where to find it",
    example: (text) => `For example: ${text}`,
    onlyWhere: (conditions) =>
      `Only where ${conditions.map(({ label, values }) => `${label} is ${values.join(" or ")}`).join(" and ")}.`,
  },
  onward: { title: "One moment", message: "You are being sent back." },
};
