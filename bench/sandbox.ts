import { startSandbox } from "../src/sandbox/server.ts";
import { serve } from "./process.ts";

/** The OAuth provider of (d), in a process of its own. */
const sandbox = await startSandbox({ port: 0 });

const methods = {
  where: () => ({ issuer: sandbox.issuer, ...sandbox.defaultClient }),
  setRedirectUri: async (redirectUri: string) => {
    await sandbox.control.updateClient(sandbox.defaultClient.clientId, { redirectUris: [redirectUri] });
  },
};
export type SandboxProcess = typeof methods;

serve(methods, () => sandbox.close());
