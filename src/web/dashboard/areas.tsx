import { type ComponentType, lazy } from "react";
import type { Permission } from "../api/gql.ts";

export interface Area {
  path: string;
  /** In the navigation; absent: a page below another one. */
  title?: string;
  /** Without it, the area is not in the navigation. */
  needs?: Permission;
  /** Loaded when it is opened. */
  Component: ComponentType;
}

/** Every page of the dashboard, in the order of the navigation. */
export const AREAS: readonly Area[] = [
  { path: "/", title: "Overview", Component: lazy(() => import("./pages/overview/overview.tsx")) },
  {
    path: "/connectors",
    title: "Connectors",
    needs: "CONNECTOR_READ",
    Component: lazy(() => import("./pages/connectors/connectors.tsx")),
  },
  { path: "/connectors/:slug", needs: "CONNECTOR_READ", Component: lazy(() => import("./pages/connectors/connector.tsx")) },
  {
    path: "/auth-configs",
    title: "Auth configs",
    needs: "AUTH_CONFIG_READ",
    Component: lazy(() => import("./pages/auth-configs/auth-configs.tsx")),
  },
  { path: "/auth-configs/new", needs: "AUTH_CONFIG_CREATE", Component: lazy(() => import("./pages/auth-configs/new.tsx")) },
  { path: "/auth-configs/:id", needs: "AUTH_CONFIG_READ", Component: lazy(() => import("./pages/auth-configs/auth-config.tsx")) },
  {
    path: "/auth-configs/:id/edit",
    needs: "AUTH_CONFIG_UPDATE",
    Component: lazy(() => import("./pages/auth-configs/edit.tsx")),
  },
  { path: "/users", title: "Users", needs: "USER_READ", Component: lazy(() => import("./pages/users/users.tsx")) },
  { path: "/users/:id", needs: "USER_READ", Component: lazy(() => import("./pages/users/user.tsx")) },
  {
    path: "/credentials",
    title: "Credentials",
    needs: "CREDENTIAL_READ",
    Component: lazy(() => import("./pages/credentials/credentials.tsx")),
  },
  { path: "/credentials/:id", needs: "CREDENTIAL_READ", Component: lazy(() => import("./pages/credentials/credential.tsx")) },
  {
    path: "/requests",
    title: "Requests",
    needs: "CREDENTIAL_READ",
    Component: lazy(() => import("./pages/requests/requests.tsx")),
  },
  { path: "/requests/:id", needs: "CREDENTIAL_READ", Component: lazy(() => import("./pages/requests/request.tsx")) },
  {
    path: "/custom-connectors",
    title: "Custom connectors",
    Component: lazy(() => import("./pages/custom-connectors/custom-connectors.tsx")),
  },
  {
    path: "/custom-connectors/new",
    needs: "CONNECTOR_WRITE",
    Component: lazy(() => import("./pages/custom-connectors/new-connector.tsx")),
  },
  {
    path: "/custom-connectors/:slug/edit",
    needs: "CONNECTOR_WRITE",
    Component: lazy(() => import("./pages/custom-connectors/edit-connector.tsx")),
  },
  {
    path: "/api-keys",
    title: "API keys",
    needs: "API_KEY_MANAGE",
    Component: lazy(() => import("./pages/api-keys/api-keys.tsx")),
  },
  {
    path: "/webhooks",
    title: "Webhooks",
    needs: "WEBHOOK_MANAGE",
    Component: lazy(() => import("./pages/webhooks/webhooks.tsx")),
  },
  { path: "/webhooks/:id", needs: "WEBHOOK_MANAGE", Component: lazy(() => import("./pages/webhooks/webhook.tsx")) },
  { path: "/audit", title: "Audit log", needs: "AUDIT_READ", Component: lazy(() => import("./pages/audit/audit.tsx")) },
  {
    path: "/projects",
    title: "Projects",
    needs: "PROJECT_MANAGE",
    Component: lazy(() => import("./pages/settings/projects.tsx")),
  },
  { path: "/settings", title: "Settings", needs: "PROJECT_READ", Component: lazy(() => import("./pages/settings/settings.tsx")) },
];
