import type { ConnectChoiceQuery } from "./gql.ts";

export type ChoiceConnector = NonNullable<ConnectChoiceQuery["connectors"]>["nodes"][number];
export type ChoiceConfig = ChoiceConnector["authConfigs"]["nodes"][number];
export type ChoiceCredential = ChoiceConnector["viewerCredentials"]["nodes"][number];
