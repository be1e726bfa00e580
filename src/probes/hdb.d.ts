/** As much of the optional package as is used here. */
declare module "hdb" {
  export interface HanaClient {
    connect(done: (error?: Error | null) => void): void;
    exec(sql: string, done: (error?: Error | null) => void): void;
    on(event: "error", listener: (error: Error) => void): this;
    end(): void;
    /** Not public: held on to with care. */
    readonly _connection?: {
      fetchDbConnectInfo?: (options: unknown, done: (error: Error | null, info?: unknown) => void) => void;
    };
  }
  const hdb: { createClient(options: Record<string, unknown>): HanaClient };
  export default hdb;
}

/** The driver's one place that opens sockets. */
declare module "hdb/lib/protocol/tcp.js" {
  import type net from "node:net";
  import type tls from "node:tls";

  const tcp: {
    createSocket(options: net.TcpNetConnectOpts, done: () => void): net.Socket;
    createSecureSocket(options: tls.ConnectionOptions, done: () => void): tls.TLSSocket;
  };
  export default tcp;
}
