import { useEffect, useState } from "react";
import { Button } from "../../ui/button.tsx";

const SCHEMES = ["system", "light", "dark"] as const;
type Scheme = (typeof SCHEMES)[number];
const NAMES: Record<Scheme, string> = { system: "Colours: as the system", light: "Colours: light", dark: "Colours: dark" };
const KEY = "moorline-scheme";

/** Light, dark, or what the system says; kept in this browser. */
export function SchemeSwitch() {
  const [scheme, setScheme] = useState<Scheme>(() => SCHEMES.find((name) => name === localStorage.getItem(KEY)) ?? "system");
  useEffect(() => {
    localStorage.setItem(KEY, scheme);
    if (scheme === "system") delete document.documentElement.dataset["scheme"];
    else document.documentElement.dataset["scheme"] = scheme;
  }, [scheme]);
  const next = SCHEMES[(SCHEMES.indexOf(scheme) + 1) % SCHEMES.length] ?? "system";
  return (
    <Button small variant="quiet" onPress={() => setScheme(next)}>
      {NAMES[scheme]}
    </Button>
  );
}
