/** As much of the vendor's driver as the tests use. */
declare module "vertica-nodejs" {
  class Client {
    constructor(config: Record<string, string | number>);
    connect(): Promise<void>;
    end(): Promise<void>;
  }
  const vertica: { Client: typeof Client };
  export default vertica;
}
