import { sshMeaning, withSsh } from "./ssh-client.ts";
import type { ProbeFamily } from "./types.ts";

/** SSH: to be let in is all that is asked; no command is run. */
export const family: ProbeFamily = {
  probe: (input) => withSsh(input, async () => {}),
  meaningOf: sshMeaning,
};
