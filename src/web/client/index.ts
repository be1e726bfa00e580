/**
 * Moorline in a browser: connects an account of a user elsewhere, watches until it is there, and never sees a token.
 *
 *     import { connect } from "moorline/client";
 *     button.onclick = async () => {
 *       const credential = await connect({ url: "https://connect.example.com", session: fetchSession, connector: "hubspot" });
 *       show(`Connected ${credential.account?.name}`);
 *     };
 */
export {
  ConnectionCanceled,
  ConnectionDenied,
  ConnectionExpired,
  ConnectionFailed,
  MoorlineError,
  PopupBlocked,
  Refused,
  Unauthenticated,
  Unreachable,
} from "./errors.ts";
export { connect, createMoorline, watch } from "./moorline.ts";
export type {
  ConnectionFailure,
  ConnectionRequest,
  ConnectionStatus,
  ConnectOptions,
  Credential,
  ErrorCode,
  FailureCode,
  Moorline,
  MoorlineOptions,
  PopupClosed,
  RedirectOptions,
  ResumeOptions,
  Session,
  StartOptions,
  Target,
  Transport,
  WatchOptions,
} from "./types.ts";
