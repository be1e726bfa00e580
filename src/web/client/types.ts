import type {
  ConnectionStatus,
  ErrorCode,
  FailureCode,
  InitiateConnectionInput,
  RequestPartsFragment,
} from "../../../generated/client-gql/graphql.ts";

export type { ConnectionStatus, ErrorCode, FailureCode };

/** One attempt to connect one account, as the API describes it (`ConnectionRequest` in schema.graphql). */
export type ConnectionRequest = RequestPartsFragment;

/** A connected account: id, status, account, scopes, connector. Never a token. */
export type Credential = NonNullable<RequestPartsFragment["credential"]>;

/** Why an attempt failed, with a `remedy` in words and whether the same may succeed later (`retryable`). */
export type ConnectionFailure = NonNullable<RequestPartsFragment["failure"]>;

/**
 * The token of a user session (`mls_…`, from `createUserSession`), or how to get one from your back end. A function is asked when a token is
 * first needed, and once more whenever Moorline says that it has ended.
 */
export type Session = string | (() => string | Promise<string>);

export type Transport = "websocket" | "sse" | "polling";

export interface MoorlineOptions {
  /** Moorline's origin, `https://connect.example.com`; absent: the page's own. */
  url?: string;
  session: Session;
  /** Language tag (BCP 47) of messages and of the hosted page; absent: the browser's. */
  locale?: string;
  /** Absent: the global ones. */
  fetch?: typeof globalThis.fetch;
  WebSocket?: typeof globalThis.WebSocket;
  /** How changes may be heard of, the best first; absent: all three. The next one is tried where one cannot be opened. */
  transports?: readonly Transport[];
}

export interface WatchOptions {
  /** Ends the watching; the iterator then throws the signal's reason. Nothing is cancelled at Moorline. */
  signal?: AbortSignal;
  /** A sequence already seen: nothing comes unless there is more. */
  after?: number;
  /**
   * Goes on after FAILED, DENIED, CANCELED or EXPIRED with the request by which the user tries again on the hosted page, for as long as
   * that is possible there (15 minutes).
   */
  followRetries?: boolean;
}

/** What to connect: exactly one of the three. */
export type Target =
  /** A connector's slug; the project has exactly one enabled auth config for it. */
  | { connector: string; authConfigId?: undefined; credentialId?: undefined }
  /** `ac_…` */
  | { authConfigId: string; connector?: undefined; credentialId?: undefined }
  /** `cred_…`, to be authorized again under the same id. */
  | { credentialId: string; connector?: undefined; authConfigId?: undefined };

export type StartOptions = Target &
  Pick<InitiateConnectionInput, "scopes" | "parameters" | "clientState" | "flow"> & {
    /** For this account, where one user has several. Not with `credentialId`. */
    label?: string;
    ifAccountExists?: InitiateConnectionInput["ifAccountExists"];
    /** `page` shows the hosted page first; absent: the provider at once, wherever that needs no form. */
    show?: "provider" | "page";
    signal?: AbortSignal;
  };

/** What is left to do once the popup seems to be gone: it is not certain, since a provider's COOP looks the same. */
export interface PopupClosed {
  request: ConnectionRequest;
  /** Opens the same request again; call it in a click. False: blocked, or of no more use. */
  reopen(): boolean;
  /** Ends the request: `connect` then rejects with ConnectionCanceled. */
  cancel(): Promise<void>;
}

export type ConnectOptions = StartOptions & {
  /** `width` and `height` in CSS pixels, 520 by 720 if absent; `text` stands in the window until the link is there. */
  popup?: { width?: number; height?: number; text?: string };
  /** Absent: reject with PopupBlocked. `redirect` leaves this page instead, and comes back to `returnUrl`. */
  onBlocked?: "reject" | "redirect";
  /** For `onBlocked: "redirect"`: one of the project's registered return URLs. */
  returnUrl?: string;
  /** Each state, the first included. */
  onChange?: (request: ConnectionRequest) => void;
  /** The popup has been gone for a few seconds and the request has not ended. May come again after `reopen`. */
  onPopupClosed?: (closed: PopupClosed) => void;
  /**
   * Cancels the request when the popup is gone and this page has had the focus back for a few seconds, unless the provider has answered
   * already. With providers that cut the opener off (COOP), a user who comes back to this page in the middle loses the attempt. Default: false.
   */
  cancelOnClose?: boolean;
};

export type RedirectOptions = StartOptions & {
  /** One of the project's registered return URLs: `connectionRequestId`, `status` and `clientState` are appended. */
  returnUrl: string;
};

export interface ResumeOptions {
  /** Where the browser came back to; absent: the page's own address, from which the parameters are then removed. */
  href?: string;
  signal?: AbortSignal;
  onChange?: (request: ConnectionRequest) => void;
}

export interface Moorline {
  /**
   * Opens a popup, watches, and resolves with the credential. Call it directly in the click, or the browser blocks the popup.
   * @throws {ConnectionDenied | ConnectionFailed | ConnectionCanceled | ConnectionExpired} as the request ended
   * @throws {PopupBlocked | Unauthenticated | Refused | Unreachable}
   */
  connect(options: ConnectOptions): Promise<Credential>;
  /** Leaves this page for the provider; `resume` goes on when the browser is back. Settles only if it fails. */
  startRedirect(options: RedirectOptions): Promise<never>;
  /** After `startRedirect`: the credential, or the errors of `connect`. Null: this address does not come from a connection. */
  resume(options?: ResumeOptions): Promise<Credential | null>;
  /** The request now, then after every change, until it ends. Survives lost sockets, restarts and sleep; each state comes once. */
  watch(id: string, options?: WatchOptions): AsyncGenerator<ConnectionRequest, void, undefined>;
  /** The request now; null: there is none, or none for this session. */
  read(id: string, options?: { signal?: AbortSignal }): Promise<ConnectionRequest | null>;
  /** Ends a request that is under way. */
  cancel(id: string, options?: { signal?: AbortSignal }): Promise<ConnectionRequest>;
  /** Closes its socket; what is being watched throws. */
  close(): void;
}
