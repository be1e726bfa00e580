import type { KeyRotation } from "../db/generated/client.ts";
import { type KeyRotationStatus, latestRotation, rotateKeys } from "../domain/key-rotation.ts";
import { builder, enumType } from "./builder.ts";
import { mutation } from "./mutation.ts";

const KeyRotationStatusEnum = enumType("KeyRotationStatus", "How far a key rotation is.", {
  RUNNING: "It is under way.",
  DONE: "Nothing is wrapped with another key any more.",
  FAILED: "It ended with something left: `message` says what.",
});

const KeyRotationType = builder.objectRef<KeyRotation>("KeyRotation").implement({
  description: `A rotation of the key that guards every secret's data key. Nothing stops while it runs, and reads never fail. It is begun after a new key
was put first into MOORLINE_MASTER_KEYS in every process.`,
  fields: (t) => ({
    toKeyId: t.exposeString("toKekId", {
      description: "Which key data keys are wrapped with in the end: the id of the key, never the key.",
    }),
    dataKeys: t.exposeBoolean("dataKeys", {
      description: "True: the data keys themselves are replaced, and what they sealed is sealed anew.",
    }),
    status: t.field({
      type: KeyRotationStatusEnum,
      description: "How far it is.",
      resolve: ({ status }) => status as KeyRotationStatus,
    }),
    total: t.exposeInt("total", { description: "How many data keys there are to wrap." }),
    done: t.exposeInt("done", { description: "How many of them are done." }),
    message: t.exposeString("message", { nullable: true, description: "For a person, once it has ended; null before." }),
    startedAt: t.expose("startedAt", { type: "DateTime", description: "When it was begun." }),
    finishedAt: t.expose("finishedAt", { type: "DateTime", nullable: true, description: "When it ended; null: it has not." }),
  }),
});

builder.queryField("keyRotation", (t) =>
  t.field({
    type: KeyRotationType,
    nullable: true,
    description: "The project's latest key rotation, of the first project every project's; null: there was none. For ADMIN keys.",
    resolve: (_root, _args, context) => latestRotation(context),
  }),
);

mutation("rotateKeys", {
  description: `Wraps the project's data keys anew with the active key, the first one of MOORLINE_MASTER_KEYS; asked by an ADMIN key of the first project, the operator's,
those of every project. It goes on in the background: read \`keyRotation\`. The same rotation that is under way already is not begun twice.`,
  input: builder.inputType("RotateKeysInput", {
    description: "How thoroughly.",
    fields: (t) => ({
      dataKeys: t.boolean({
        description:
          "True: replace the data keys too and seal every secret anew, which is what helps where a key was stolen together with the database. Default false.",
      }),
    }),
  }),
  payload: builder.objectRef<{ keyRotation: KeyRotation }>("RotateKeysPayload").implement({
    description: "The rotation as it was begun, or is under way.",
    fields: (t) => ({
      keyRotation: t.field({ type: KeyRotationType, description: "The rotation.", resolve: ({ keyRotation }) => keyRotation }),
    }),
  }),
  run: rotateKeys,
});
