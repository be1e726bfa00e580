/** What several families find out in ways of their own. */
import { ProbeError } from "./types.ts";

/** A signature says when it was made; it is refused where that is minutes off. */
export const CLOCK = new ProbeError("PROVIDER_ERROR", {
  message: "The server refuses the time at which this was signed: its clock and this machine's differ.",
  remedy: "Have the operator set the clock of the machine that Moorline runs on.",
});

/** A 2xx answer that nobody of this kind gives. */
export const OTHER_KIND = new ProbeError("PROVIDER_ERROR", { message: "The answer is not what this kind of server says." });

export const HUNG_UP = new ProbeError("PROVIDER_ERROR", { message: "The server closed the connection without an answer." });
