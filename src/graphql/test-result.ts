import type { TestResult } from "../lib/errors.ts";
import { builder, enumType } from "./builder.ts";

const TestCodeEnum = enumType("TestCode", "How a test ended. Open: keep a default branch.", {
  OK: "It works.",
  INVALID_CREDENTIALS: "The third party does not accept it.",
  PERMISSION_DENIED: "It is accepted, but may not do this.",
  TOKEN_EXPIRED: "The access token has run out.",
  CONNECTION_REFUSED: "Nothing listens there.",
  HOST_NOT_FOUND: "There is no such host.",
  TIMEOUT: "No answer in time.",
  TLS_ERROR: "No secure connection could be made.",
  BLOCKED_ADDRESS: "The address is not one that may be called from here.",
  RESOURCE_NOT_FOUND: "What was asked for is not there.",
  RATE_LIMITED: "The third party asks to slow down.",
  PROVIDER_ERROR: "The third party reported an error of its own.",
  DRIVER_MISSING: "What speaks this protocol is not installed here.",
  NOT_TESTABLE: "There is no harmless call for this connector.",
});

export const TestResultType = builder.objectRef<TestResult>("TestResult").implement({
  description: "What one harmless call with a credential gave.",
  fields: (t) => ({
    ok: t.exposeBoolean("ok", { description: "Whether it works." }),
    code: t.field({ type: TestCodeEnum, description: "For a program: how it ended.", resolve: ({ code }) => code }),
    message: t.exposeString("message", { description: "For a person: how it ended, in a sentence." }),
    remedy: t.exposeString("remedy", { nullable: true, description: "For a person: what to do; null: nothing." }),
    latencyMs: t.exposeInt("latencyMs", {
      description: "How long the third party took, in milliseconds; 0 where it was not called.",
    }),
    at: t.expose("at", { type: "DateTime", description: "When." }),
  }),
});
