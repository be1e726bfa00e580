import { createContext, useContext } from "react";
import type { DashboardViewerQuery, Permission } from "../../api/gql.ts";

export type Viewer = DashboardViewerQuery["viewer"];

export const ViewerContext = createContext<Viewer | null>(null);

/** Who is signed in. Only below the shell, which loads it first. */
export function useViewer(): Viewer {
  const viewer = useContext(ViewerContext);
  if (!viewer) throw new Error("useViewer is used outside of the shell.");
  return viewer;
}

/** Whatever the role may not do is not on the page. */
export function useMay(): (permission: Permission) => boolean {
  const { permissions } = useViewer();
  return (permission) => permissions.includes(permission);
}
