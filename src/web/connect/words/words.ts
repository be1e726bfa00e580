import type { FormWords } from "../../forms/values.ts";
import type { UiWords } from "../../ui/words.ts";
import type { FailureCode, TestCode } from "../gql.ts";

/** What happened, and what the person at the page can do about it. */
export interface Told {
  title: string;
  remedy: string;
}

/** Everything that the connect page says in one language. `product` and `connector` are names for people. */
export interface Words {
  /** BCP 47. Asked for with what the API says to people. */
  tag: string;
  ui: UiWords;
  form: FormWords;
  page: {
    loading: string;
    language: string;
    moment: string;
    privacy: string;
    terms: string;
    support: string;
    thisProduct: string;
    newWindow: string;
    offline: string;
    offlineRemedy: string;
    noAnswer: string;
    notLive: string;
    tryAgain: string;
    back(product: string): string;
    close: string;
    mayClose: string;
  };
  link: {
    unknown: Told;
    active: Told;
    canceled: Told;
    expired: Told;
    over: Told;
    crashed: Told;
    noCookies: Told;
  };
  start: {
    title(connector: string): string;
    titleAgain(connector: string): string;
    asks(product: string, connector: string): string;
    asksAgain(product: string, connector: string): string;
    forWhom: string;
    forEveryone(product: string): string;
    shares(product: string): string;
    caution: string;
    goOn(connector: string): string;
    inWindow(connector: string): string;
    inThisWindow(connector: string): string;
    begun: string;
    refuse: string;
  };
  waiting: {
    title: string;
    person(connector: string): string;
    again: string;
    here: string;
    cancel: string;
    perhapsClosed: string;
    blocked: string;
    verifyingTitle: string;
    verifying(product: string): string;
    exchangingTitle: string;
    exchanging(connector: string): string;
    byItself(connector: string): string;
  };
  fields: {
    intro(product: string, connector: string): string;
    none(connector: string): string;
    test: string;
    testing: string;
    submit: string;
    submitting: string;
    works: string;
    stillToMend(count: number): string;
    nothingSaved: string;
    help: string;
    lost: string;
    refused: Told;
  };
  device: {
    title(connector: string): string;
    codeLabel: string;
    steps(product: string): string;
    open(host: string): string;
    waiting: string;
    until(time: string): string;
    caution: string;
    preparing: string;
  };
  ended: {
    connected(connector: string): string;
    connectedAgain(connector: string): string;
    account(account: string): string;
    usableBy(product: string): string;
    goingBack(product: string): string;
    failedTitle(connector: string): string;
    denied(connector: string): Told;
    canceled: Told;
    expired: Told;
    retry: string;
    retryRefused: string;
    details: string;
    theProviderSays: string;
  };
  choice: {
    title: string;
    intro(product: string): string;
    search: string;
    found(count: number): string;
    nothing: Told;
    notFound: string;
    connect(connector: string): string;
    connectWith(connector: string, config: string): string;
    another(connector: string): string;
    mend(account: string): string;
    connected: string;
    broken: string;
    unnamed: string;
    more: string;
    toList: string;
    before(connector: string): string;
    next: string;
    refused: string;
  };
  failures: Record<FailureCode, Told>;
  tests: Record<TestCode, Told>;
}
