/**
 * The one place that loads oidc-provider. On a Node release that is not yet called long-term it prints a warning about the
 * runtime as it loads; the tests of the sandbox answer for the runtime instead. All other warnings pass.
 */
type Library = typeof import("oidc-provider");

async function loadQuietly(): Promise<Library> {
  const { warn } = console;
  console.warn = (...values: unknown[]) => {
    if (!String(values[0]).includes("oidc-provider WARNING: Unsupported runtime")) warn(...values);
  };
  try {
    return await import("oidc-provider");
  } finally {
    console.warn = warn;
  }
}

export const { Provider, errors, interactionPolicy } = await loadQuietly();
