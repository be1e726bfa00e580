import { NavLink, Outlet } from "react-router";
import icon from "../../icon.svg";
import { Button } from "../../ui/button.tsx";
import { Toasts } from "../../ui/toast.tsx";
import { AREAS } from "../areas.tsx";
import { ProjectSwitch } from "./project-switch.tsx";
import { SchemeSwitch } from "./scheme-switch.tsx";
import type { DashboardSession } from "./session.ts";
import { useArrival } from "./use-arrival.ts";
import { useMay } from "./viewer.ts";

export interface ShellProps {
  session: DashboardSession;
  /** By signing in just now: the form that had the focus is gone. */
  entered: boolean;
  live: boolean;
  onSignOut(): void;
}

export function Shell({ session, entered, live, onSignOut }: ShellProps) {
  const may = useMay();
  const nav = useArrival(entered);
  return (
    <div className="shell">
      <a className="skip" href="#content">
        Skip to the content
      </a>
      <header className="bar">
        <span className="brand">
          <img src={icon} alt="" width="28" height="28" /> Moorline
        </span>
        <ProjectSwitch session={session} />
        <span className="bar-end">
          <span className="soft small" role="status">
            {live ? "" : "Live updates are off. Connecting again…"}
          </span>
          <SchemeSwitch />
          <Button small onPress={onSignOut}>
            Sign out
          </Button>
        </span>
      </header>
      <nav ref={nav} className="side" aria-label="Areas">
        {AREAS.filter((area) => area.title && (!area.needs || may(area.needs))).map((area) => (
          <NavLink key={area.path} to={area.path} end={area.path === "/"}>
            {area.title}
          </NavLink>
        ))}
        <a href="/graphql" target="_blank" rel="noreferrer">
          GraphiQL
        </a>
      </nav>
      <main id="content" className="content" tabIndex={-1}>
        <Outlet />
      </main>
      <Toasts />
    </div>
  );
}
