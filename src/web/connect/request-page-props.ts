export interface RequestPageProps {
  id: string;
  /** Somebody tries again: the request that follows. */
  onFollowed(id: string): void;
  /** Whether live updates come in. */
  live: boolean;
  display: "REDIRECT" | "POPUP";
  origin: string | null;
  clientState: string | null;
  /** Where that choice leads back to: its requests have no address of their own to go back to, so that each ends here, beside the list. */
  returnUrl?: string | null;
  /** Back to the choice that this was begun from; absent: there is none. */
  onLeave?(): void;
}
