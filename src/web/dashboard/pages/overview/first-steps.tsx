import type { ReactNode } from "react";
import { Link } from "react-router";
import type { OverviewFiguresQuery } from "../../../api/gql.ts";
import { useMay } from "../../shell/viewer.ts";

interface Step {
  title: string;
  help: ReactNode;
  done: boolean;
  action: ReactNode;
}

/** Until the first account is connected: what to do next. Each step ticks itself off. */
export function FirstSteps({ figures }: { figures: OverviewFiguresQuery }) {
  const may = useMay();
  const isConnected = (figures.everConnected?.totalCount ?? 0) > 0;
  if (isConnected || !may("AUTH_CONFIG_CREATE")) return null;
  const steps = stepsOf(figures);
  const next = steps.findIndex(({ done }) => !done);
  return (
    <section className="card stack" aria-label="First steps">
      <h2>First steps</h2>
      <ol className="plain-list">
        {steps.map((step, index) => (
          <li key={step.title} className="step-row">
            <span className="step-mark" data-done={step.done || undefined} aria-hidden="true">
              {step.done ? "✓" : index + 1}
            </span>
            <div className="stack">
              <div>
                <h3>
                  {step.title}
                  {step.done && <span className="visually-hidden"> (done)</span>}
                </h3>
                <p className="soft">{step.help}</p>
              </div>
              {index === next && <div className="row">{step.action}</div>}
            </div>
          </li>
        ))}
      </ol>
    </section>
  );
}

function stepsOf({ authConfigs, users, sandbox }: OverviewFiguresQuery): Step[] {
  const hasSandbox = sandbox?.managedAppAvailable === true;
  return [
    {
      title: "Create an auth config",
      help: hasSandbox
        ? "It says how your users authenticate with a service. To try everything without an account anywhere, take the sandbox: nothing is to be registered."
        : "It says how your users authenticate with a service.",
      done: (authConfigs?.totalCount ?? 0) > 0,
      action: (
        <>
          {hasSandbox && (
            <Link className="button" data-variant="primary" to="/auth-configs/new?connector=sandbox">
              With the sandbox
            </Link>
          )}
          <Link className="button" data-variant={hasSandbox ? undefined : "primary"} to="/auth-configs/new">
            With another service
          </Link>
        </>
      ),
    },
    {
      title: "Add a user, and a link or session for their browser",
      help: "A user is a person of your product, known by your own id. A link is quickest to try; your back end mints sessions.",
      done: (users?.totalCount ?? 0) > 0,
      action: (
        <Link className="button" data-variant="primary" to="/users">
          To the users
        </Link>
      ),
    },
    {
      title: "Connect an account",
      help: "Open the link, or make one on the auth config’s page under “Connect a test account”. It is shown here the moment it is active.",
      done: false,
      action: (
        <Link className="button" data-variant="primary" to="/auth-configs">
          To the auth configs
        </Link>
      ),
    },
  ];
}
