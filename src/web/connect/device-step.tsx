import { Copyable, Notice } from "../ui/show.tsx";
import { CancelButton } from "./cancel-button.tsx";
import type { ConnectStateFragment } from "./gql.ts";
import { Step } from "./step.tsx";
import { Summary, useProduct } from "./summary.tsx";
import type { Request } from "./use-request.ts";
import { Working } from "./waiting.tsx";
import { useWords } from "./words/use-words.ts";

export interface DeviceStepProps {
  request: Request;
  device: NonNullable<ConnectStateFragment["deviceAuthorization"]>;
  onState(state: ConnectStateFragment): void;
}

/** Device flow (RFC 8628): the code, where it goes, and that we wait for it. */
export function DeviceStep({ request, device, onState }: DeviceStepProps) {
  const { device: words, page, start } = useWords();
  const product = useProduct();
  const until = new Date(device.expiresAt).toLocaleTimeString(document.documentElement.lang, {
    hour: "2-digit",
    minute: "2-digit",
  });
  return (
    <Step title={words.title(request.connector.name)}>
      <p>{words.steps(product)}</p>
      <Notice tone="warn">{words.caution}</Notice>
      <div className="device-code">
        <span className="soft">{words.codeLabel}</span>
        <Copyable value={device.userCode} label={words.codeLabel} />
        <span className="soft small">{words.until(until)}</span>
      </div>
      <div className="row actions">
        <a
          className="button"
          data-variant="primary"
          href={device.verificationUriComplete ?? device.verificationUri}
          target="_blank"
          rel="noreferrer noopener"
        >
          {words.open(new URL(device.verificationUri).host)}
          <span className="visually-hidden"> ({page.newWindow})</span>
        </a>
        <CancelButton id={request.id} label={start.refuse} onState={onState} />
      </div>
      <p className="small">
        <code>{device.verificationUri}</code>
      </p>
      <Working label={words.waiting} />
      <Summary request={request} />
    </Step>
  );
}
