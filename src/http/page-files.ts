/** The pages as `npm run build` has left them, in memory. */
export interface BuiltPages {
  /** `index` is the dashboard, `connect` the hosted page: each an HTML document with `__CSP_NONCE__` where a nonce belongs. */
  readonly documents: Record<"index" | "connect", string>;
  /** By path, `/assets/index-1a2b3c.js`. */
  readonly files: ReadonlyMap<string, BuiltFile>;
}

/** One file, as it is and compressed. */
export interface BuiltFile {
  type: string;
  /** Its name carries a hash of its content. */
  immutable: boolean;
  plain: Buffer;
  br: Promise<Buffer> | null;
  gzip: Promise<Buffer> | null;
}
