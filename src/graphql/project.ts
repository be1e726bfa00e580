import type { Project } from "../db/generated/client.ts";
import { type Branding, createProject, projectOrder, projectWhere, updateProject } from "../domain/project.ts";
import { deleteProject } from "../domain/project-delete.ts";
import { InUseError } from "../lib/errors.ts";
import { encodeId } from "../lib/ids.ts";
import { builder } from "./builder.ts";
import { pageCost, rowPage } from "./connection.ts";
import type { GraphQLContext } from "./context.ts";
import { deletedPayload, mutation } from "./mutation.ts";
import { ApiKeyType, ProjectConnection, ProjectType } from "./refs.ts";

const BRANDING = {
  productName: "The product's name, as its users know it.",
  logoUrl: "The product's logo, for light backgrounds.",
  logoDarkUrl: "The product's logo, for dark backgrounds.",
  accentColor: "As #rrggbb; where it has too little contrast (WCAG AA), the page adapts it.",
  privacyUrl: "The product's privacy policy.",
  termsUrl: "The product's terms of use.",
  supportUrl: "Where users get help.",
};

const BrandingType = builder.objectRef<Branding>("Branding").implement({
  description: "`accentColor` as #rrggbb; where it has too little contrast (WCAG AA), the page adapts it.",
  fields: (t) => {
    const url = (name: "logoUrl" | "logoDarkUrl" | "privacyUrl" | "termsUrl" | "supportUrl") =>
      t.expose(name, { type: "URL", nullable: true, description: `${BRANDING[name]} Null: not set.` });
    return {
      productName: t.exposeString("productName", {
        nullable: true,
        description: `${BRANDING.productName} Null: the project's name.`,
      }),
      logoUrl: url("logoUrl"),
      logoDarkUrl: url("logoDarkUrl"),
      accentColor: t.exposeString("accentColor", { nullable: true, description: `${BRANDING.accentColor} Null: ours.` }),
      privacyUrl: url("privacyUrl"),
      termsUrl: url("termsUrl"),
      supportUrl: url("supportUrl"),
    };
  },
});

/** Settings of the project are nobody's business but its keys'. */
function forKeys<Value>(context: GraphQLContext, value: Value): Value | null {
  return context.caller.apiKeyId ? value : null;
}

builder.prismaObjectFields(ProjectType, (t) => ({
  id: t.id({ description: "`proj_…`", resolve: ({ id }) => encodeId("Project", id) }),
  name: t.exposeString("name", { description: "For people." }),
  createdAt: t.expose("createdAt", { type: "DateTime", description: "When it was created." }),
  allowedReturnUrls: t.field({
    type: ["URL"],
    nullable: true,
    description:
      "Exact URLs that `returnUrl` may be, custom schemes (`myapp://…`) included; the first project starts with MOORLINE_ALLOWED_RETURN_URLS. Null for a user session.",
    resolve: (project, _args, context) => forKeys(context, project.allowedReturnUrls),
  }),
  allowedOrigins: t.field({
    type: ["Origin"],
    nullable: true,
    description:
      "Origins of the front ends: CORS, WebSocket and postMessage; the first project starts with MOORLINE_CORS_ORIGINS. Null for a user session.",
    resolve: (project, _args, context) => forKeys(context, project.allowedOrigins),
  }),
  branding: t.field({
    type: BrandingType,
    description: "What the hosted page shows instead of ours.",
    resolve: (project) => project.branding as Branding,
  }),
  verifyUrl: t.field({
    type: "URL",
    nullable: true,
    description: `Where the browser goes after the provider and before the code is redeemed, as \`<verifyUrl>?verification=<one-time, 5 minutes>\`: the product
knows its own signed-in user and its back end calls \`confirmConnection\`. Another user than the one who started: USER_MISMATCH, code never redeemed.
Without it, the hosted page says whose account is about to be connected to what, as whom, and asks for a click; the start log says that person binding is off.
Null where it is not set, and for a user session.`,
    resolve: (project, _args, context) => forKeys(context, project.verifyUrl),
  }),
}));

builder.queryField("projects", (t) =>
  t.connection(
    {
      type: ProjectType,
      nullable: true,
      description: "Every project, oldest first. For ADMIN keys of the first project, the operator's.",
      complexity: pageCost,
      resolve: (_root, args, context, info) =>
        rowPage(context, info, { args, model: "Project", order: projectOrder(), where: projectWhere(context) }),
    },
    ProjectConnection,
  ),
);

const BrandingInput = builder.inputType("BrandingInput", {
  description: "What the hosted page shows instead of ours. Absent: unchanged; null: cleared.",
  fields: (t) => ({
    productName: t.string({ description: BRANDING.productName }),
    logoUrl: t.field({ type: "URL", description: BRANDING.logoUrl }),
    logoDarkUrl: t.field({ type: "URL", description: BRANDING.logoDarkUrl }),
    accentColor: t.string({ description: BRANDING.accentColor }),
    privacyUrl: t.field({ type: "URL", description: BRANDING.privacyUrl }),
    termsUrl: t.field({ type: "URL", description: BRANDING.termsUrl }),
    supportUrl: t.field({ type: "URL", description: BRANDING.supportUrl }),
  }),
});

mutation("createProject", {
  description: "For ADMIN keys of the first project, the operator's.",
  input: builder.inputType("CreateProjectInput", {
    description: "A new project.",
    fields: (t) => ({ name: t.string({ required: true, description: "For people; 1 to 200 characters." }) }),
  }),
  payload: builder
    .objectRef<{ project: Project; apiKey: Awaited<ReturnType<typeof createProject>>["apiKey"]; key: string }>(
      "CreateProjectPayload",
    )
    .implement({
      description: "The new project and its first key.",
      fields: (t) => ({
        project: t.field({ type: ProjectType, description: "The new project.", resolve: ({ project }) => project }),
        apiKey: t.field({
          type: ApiKeyType,
          description: "Its first key, with the role ADMIN.",
          resolve: ({ apiKey }) => apiKey,
        }),
        key: t.exposeString("key", { description: "This once." }),
      }),
    }),
  run: createProject,
});

mutation("updateProject", {
  description: "Changes the caller's own project.",
  input: builder.inputType("UpdateProjectInput", {
    description: "Absent: unchanged; null: cleared.",
    fields: (t) => ({
      id: t.id({ required: true, description: "Which project." }),
      name: t.string({ description: "For people; 1 to 200 characters." }),
      allowedReturnUrls: t.field({
        type: ["URL"],
        description: "Replaces the whole list. Exact URLs that `returnUrl` may be, custom schemes (`myapp://…`) included.",
      }),
      allowedOrigins: t.field({
        type: ["Origin"],
        description: "Replaces the whole list. Origins of the front ends: CORS, WebSocket and postMessage.",
      }),
      branding: t.field({ type: BrandingInput, description: "What the hosted page shows; merges by key, null clears it all." }),
      verifyUrl: t.field({
        type: "URL",
        description: "Where the browser is sent before the code is redeemed; see Project.verifyUrl.",
      }),
    }),
  }),
  payload: builder.objectRef<{ project: Project }>("UpdateProjectPayload").implement({
    description: "The project as it now is.",
    fields: (t) => ({ project: t.field({ type: ProjectType, description: "The project.", resolve: ({ project }) => project }) }),
  }),
  run: updateProject,
});

mutation("deleteProject", {
  description:
    "For ADMIN keys of the first project, the operator's, which itself stays. InUseError until `confirm: true` where there is anything in it. Everything in it ends at once: keys, sessions, subscriptions, webhooks, credentials. Their tokens are ended at the providers for at most a day; then nothing of the project can be opened any more.",
  input: builder.inputType("DeleteProjectInput", {
    description: "Which project to delete.",
    fields: (t) => ({
      id: t.id({ required: true, description: "The project's id, `proj_…`." }),
      confirm: t.boolean({ description: "True: although everything in it ends. Without it the answer tells what that is." }),
    }),
  }),
  payload: deletedPayload("DeleteProjectPayload", "project"),
  errors: [InUseError],
  run: deleteProject,
});
