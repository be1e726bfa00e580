/** As much of the driver as is used here: it brings no types. */
declare module "oracledb" {
  const oracledb: {
    readonly SYSDBA: number;
    readonly SYSOPER: number;
    getConnection(options: {
      user?: string;
      password?: string;
      connectString: string;
      connectTimeout?: number;
      retryCount?: number;
      walletContent?: string;
      walletPassword?: string;
      sslServerDNMatch?: boolean;
      privilege?: number;
    }): Promise<{ execute(sql: string): Promise<unknown>; close(options: { drop: boolean }): Promise<void> }>;
  };
  export default oracledb;
}
