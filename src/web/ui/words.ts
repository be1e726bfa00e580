import { createContext, useContext } from "react";

/** The few words that the components say by themselves. Pages in another language provide theirs. */
export interface UiWords {
  optional: string;
  show: string;
  hide: string;
  showValue(label: string): string;
  hideValue(label: string): string;
  choose: string;
  close: string;
  copy: string;
  copied: string;
  copyOf(what: string): string;
  chooseFile: string;
  /** Beside an address without TLS that secrets would be sent to. */
  plainHttp: string;
  /** Names the tags of what was chosen in a field. */
  chosenOf(label: string): string;
  /** Names the list of what can be chosen. */
  choicesOf(label: string): string;
  searching: string;
  /** Said while a button's work goes on. */
  working: string;
}

export const ENGLISH: UiWords = {
  optional: "optional",
  show: "Show",
  hide: "Hide",
  showValue: (label) => `Show ${label}`,
  hideValue: (label) => `Hide ${label}`,
  choose: "Choose…",
  close: "Close",
  copy: "Copy",
  copied: "Copied",
  copyOf: (what) => `Copy ${what}`,
  chooseFile: "Choose a file…",
  plainHttp: "Without https, anybody on the way can read the secrets that are sent there.",
  chosenOf: (label) => `${label}: chosen`,
  choicesOf: (label) => `${label}: choices`,
  searching: "Searching…",
  working: "Working…",
};

const Words = createContext<UiWords>(ENGLISH);
export const UiWordsProvider = Words.Provider;
export const useUiWords = () => useContext(Words);
