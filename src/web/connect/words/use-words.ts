import { createContext, useContext } from "react";
import type { Words } from "./words.ts";

const Context = createContext<Words | null>(null);
export const WordsProvider = Context.Provider;

export function useWords(): Words {
  const words = useContext(Context);
  if (!words) throw new Error("No words have been provided.");
  return words;
}
