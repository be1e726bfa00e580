import { join } from "node:path";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const here = import.meta.dirname;

/** The dashboard and the hosted connect page, into dist/web. The server puts a fresh nonce in the place of the one named here. */
export default defineConfig({
  root: here,
  base: "/",
  configFile: false,
  logLevel: "warn",
  plugins: [react()],
  html: { cspNonce: "__CSP_NONCE__" },
  build: {
    outDir: join(here, "../../dist/web"),
    emptyOutDir: true,
    target: "es2023",
    // Data URLs would have to be let in by the policy; files need not.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: { index: join(here, "index.html"), connect: join(here, "connect.html") } },
  },
});
