import type { Face } from "./options.ts";
import { sendJson } from "./respond.ts";
import type { Route } from "./router.ts";

const DATABASE_MS = 2_000;

/** `live`: the process answers. `ready`: it would do its work, so traffic may be sent here. */
export function healthRoutes(face: Face): Route[] {
  return [
    { path: "/health/live", GET: ({ response }) => sendJson(response, 200, { status: "ok" }) },
    {
      path: "/health/ready",
      async GET({ response }) {
        const problem = face.draining() ? "shutting down" : (await databaseAnswers(face)) ? null : "the database does not answer";
        sendJson(response, problem ? 503 : 200, problem ? { status: "unavailable", reason: problem } : { status: "ok" });
      },
    },
  ];
}

async function databaseAnswers(face: Face): Promise<boolean> {
  let timer: NodeJS.Timeout;
  const limit = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), DATABASE_MS);
  });
  const answer = face.services.database.now().then(
    () => true,
    () => false,
  );
  return Promise.race([answer, limit]).finally(() => clearTimeout(timer));
}
