/** Every part of the schema registers itself with the builder when it is imported. */
import "./viewer.ts";
import "./node.ts";
import "./error-types.ts";
import "./project.ts";
import "./api-key.ts";
import "./user.ts";
import "./connector.ts";
import "./connector-mutations.ts";
import "./auth-config.ts";
import "./auth-config-mutations.ts";
import "./diagnosis.ts";
import "./connection-request.ts";
import "./connection-request-mutations.ts";
import "./credential.ts";
import "./credential-create.ts";
import "./credential-mutations.ts";
import "./call-api.ts";
import "./subscriptions.ts";
import "./audit-event.ts";
import "./webhook.ts";
import "./webhook-mutations.ts";
import "./audit-chain.ts";
import "./key-rotation.ts";
import { builder } from "./builder.ts";
import { recordDenials } from "./denials.ts";

export const schema = recordDenials(builder.toSchema());
