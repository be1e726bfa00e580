import type { PageModel, PageText } from "../../domain/hosted/authorization.ts";
import type { FailureCode } from "../../lib/failure.ts";

/** Whose page it is: what sentences are made with. Names are as people gave them. */
export interface Named {
  connector: string;
  product: string;
  /** Null: the account will be the project's own. */
  user: string | null;
}

export interface Sentences {
  message: string;
  /** What to do; null: nothing. */
  remedy: string | null;
}

/** Everything that the script-free pages say, in one language. Another language is another file like this, named in `index.ts`. */
export interface Words {
  titles: Record<PageModel["kind"], (named: Named) => string>;
  texts: Record<Exclude<PageText["key"], "FAILED">, (named: Named) => Sentences>;
  /** Null: as the failure says itself, which is in English. */
  failures: Record<FailureCode, (named: Named) => Sentences> | null;
  /** Of a failure that nobody knows more about. */
  failed: string;
  /** What a provider is called that has no name. */
  provider: string;
  account: string;
  errorTitle: (title: string) => string;
  forWhom: string;
  mayBeUsedFor: string;
  connect: string;
  notMe: string;
  willBeSent: (connector: string) => string;
  goOn: string;
  /** Null: it has no name. */
  tryAgain: string;
  backTo: (product: string | null) => string;
  /** Of the connectors of a link with a choice. */
  toList: string;
  closeWindow: string;
  open: (address: string) => string;
  deviceShows: string;
  nothingToChoose: string;
  form: {
    invalid: string;
    notSaved: (message: string) => string;
    secretsAgain: string;
    optional: string;
    choose: string;
    whereToFind: string;
    example: (text: string) => string;
    onlyWhere: (conditions: { label: string; values: string[] }[]) => string;
  };
  onward: { title: string; message: string };
}
