import { type ApiAnswer, callApi } from "../domain/use/call-api.ts";
import { CredentialNotUsableError, ProviderError } from "../lib/errors.ts";
import { builder } from "./builder.ts";
import { mutation } from "./mutation.ts";

mutation("callApi", {
  description:
    "A small JSON call to the connector's API with the credential applied; the HTTP proxy is for everything larger. Its rules are the proxy's: each call is one audit event, committed before the secret leaves; a 401 is followed by one refresh and one repeat; redirects are not followed. For API keys with CREDENTIAL_USE.",
  input: builder.inputType("CallApiInput", {
    description: "Which credential, and the call.",
    fields: (t) => ({
      credentialId: t.id({ required: true, description: "`cred_…`" }),
      method: t.string({ required: true, description: "`GET`, `POST` and so on." }),
      path: t.string({ required: true, description: "Relative to the connector's API; percent-encoded, without a query." }),
      query: t.field({
        type: "JSON",
        description: "Name to value: a text, a number, a boolean, or a list of them for several of one name. Absent: none.",
      }),
      headers: t.field({
        type: "JSON",
        description: "Name to text. What the proxy does not send on (Authorization, Cookie, …) is not sent here. Absent: none.",
      }),
      body: t.field({
        type: "JSON",
        description:
          "Sent as JSON; a string with a content type of its own in `headers` as it is. At most 1 MiB. Absent or null: no body.",
      }),
    }),
  }),
  payload: builder.objectRef<ApiAnswer>("CallApiPayload").implement({
    description: "The API's answer, whatever its status.",
    fields: (t) => ({
      status: t.exposeInt("status", { description: "The HTTP status." }),
      headers: t.field({
        type: "JSON",
        description: "Name in lower case to value, without those that the proxy does not pass back (Set-Cookie, …).",
        resolve: ({ headers }) => headers,
      }),
      body: t.field({
        type: "JSON",
        nullable: true,
        description: "The JSON, or a string where the answer is another text; null: no body. More than 1 MiB is a ProviderError.",
        resolve: ({ body }) => body,
      }),
      latencyMs: t.exposeInt("latencyMs", { description: "Until all of the answer was here, refresh and repeat included." }),
    }),
  }),
  errors: [CredentialNotUsableError, ProviderError],
  run: callApi,
});
