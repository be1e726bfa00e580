import { Component, type ReactNode } from "react";
import { Button } from "../../ui/button.tsx";
import { Notice } from "../../ui/show.tsx";

interface CrashProps {
  children: ReactNode;
}

/**
 * Where a page could not be loaded (the server is away, or has been updated since) or broke, the rest of the dashboard stays, and a
 * word on what to do is there. React has no hook for this.
 */
export class Crash extends Component<CrashProps, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    if (!this.state.failed) return this.props.children;
    return (
      <div className="stack page">
        <h1>This page could not be shown</h1>
        <Notice tone="bad" live>
          <p>Moorline may be away for the moment, or have been updated while the dashboard was open. Nothing is lost.</p>
        </Notice>
        <div>
          <Button variant="primary" onPress={() => location.reload()}>
            Load it again
          </Button>
        </div>
      </div>
    );
  }
}
