/** As much of the optional package as is used here. */
declare module "tedious" {
  export class Connection {
    constructor(config: {
      server: string;
      authentication: { type: string; options: Record<string, string | undefined> };
      options: Record<string, unknown>;
    });
    connect(done: (error?: Error | null) => void): void;
    execSql(request: Request): void;
    on(event: "error", listener: (error: Error) => void): this;
    on(event: "errorMessage", listener: (message: ErrorMessage) => void): this;
    /** Not public: held on to with care. */
    performTlsNegotiation?: (...args: unknown[]) => Promise<void>;
    readonly messageIo: { readonly tlsNegotiationComplete?: boolean };
    close(): void;
  }
  export interface ErrorMessage {
    /** Of sys.messages. */
    number: number;
  }
  export class Request {
    constructor(sql: string, done: (error?: Error | null) => void);
  }
}
