import { Notice } from "../../../ui/show.tsx";
import { wordsOf } from "../../shell/statuses.tsx";

export interface TestOutcome {
  ok: boolean;
  code: string;
  message: string;
  remedy?: string | null;
  latencyMs: number;
}

/** What the third party said of a credential, saved or not. */
export function TestNotice({ tested }: { tested: TestOutcome }) {
  const title = tested.ok ? `It works (${tested.latencyMs} ms).` : wordsOf(tested.code);
  return (
    <Notice tone={tested.ok ? "good" : "bad"} title={title} live>
      <p>{[tested.message, tested.remedy].filter(Boolean).join(" ")}</p>
    </Notice>
  );
}
