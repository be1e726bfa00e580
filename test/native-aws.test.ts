import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { TestApp } from "./support/app.ts";
import { rawServer, startNativeApp, testUnreachable, tryNative } from "./support/native.ts";
import { type Action, json, type NativeAws, startNativeAws, xml } from "./support/native-aws.ts";
import { routeHosts } from "./support/routed.ts";

const KEY = "AKIA1234567890ABCDEF";
const SECRET = "right/secret+with=signs";
const POWERLESS = "AKIAPOWERLESS0000000";
const ROLE = "arn:aws:iam::123456789012:role/reader";
const TOPIC = "arn:aws:sns:eu-west-1:123456789012:orders";
const QUEUE = "https://sqs.eu-west-1.amazonaws.com/123456789012/orders";

const has =
  (name: string, value: string, answer: object, missing: string): Action =>
  (_request, _called, input) =>
    input[name] === value ? json(200, answer) : json(400, { __type: missing, message: "no" });

const ACTIONS: Record<string, Action> = {
  "GET /v2/email/account": () => json(200, { SendingEnabled: true }),
  "AmazonAthena.GetWorkGroup": has("WorkGroup", "primary", { WorkGroup: {} }, "InvalidRequestException"),
  "Logs_20140328.DescribeLogGroups": () => json(200, { logGroups: [] }),
  "Logs_20140328.DescribeLogStreams": has("logGroupName", "/app/web", { logStreams: [] }, "ResourceNotFoundException"),
  "DynamoDB_20120810.ListTables": () => json(200, { TableNames: [] }),
  "AWSEvents.DescribeEventBus": has("Name", "default", { Name: "default" }, "ResourceNotFoundException"),
  "Kinesis_20131202.ListStreams": () => json(200, { StreamNames: [] }),
  "Kinesis_20131202.DescribeStreamSummary": has("StreamName", "clicks", {}, "com.amazonaws.kinesis#ResourceNotFoundException"),
  "AmazonSQS.ListQueues": () => json(200, {}),
  "AmazonSQS.GetQueueAttributes": has("QueueUrl", QUEUE, { Attributes: {} }, "com.amazonaws.sqs#QueueDoesNotExist"),
  ListTopics: () => [200, "<ListTopicsResponse/>"],
  GetTopicAttributes: (_request, _called, input) =>
    input.TopicArn === TOPIC ? [200, "<GetTopicAttributesResponse/>"] : xml(404, "NotFound"),
  AssumeRole: (_request, _called, input) => {
    if (input.RoleArn !== ROLE || input.ExternalId !== "shared") return xml(403, "AccessDenied");
    const keys = "<AccessKeyId>ASIATEMPORARY0000000</AccessKeyId><SecretAccessKey>temporary</SecretAccessKey>";
    return [
      200,
      `<AssumeRoleResponse><Credentials>${keys}<SessionToken>session==</SessionToken></Credentials></AssumeRoleResponse>`,
    ];
  },
};

let app: TestApp;
let aws: NativeAws;

beforeAll(async () => {
  [app, aws] = await Promise.all([startNativeApp(), startNativeAws(ACTIONS)]);
  aws.keys.set(KEY, { secretAccessKey: SECRET, arn: "" });
  aws.keys.set(POWERLESS, { secretAccessKey: SECRET, arn: "" });
  aws.keys.set("ASIATEMPORARY0000000", { secretAccessKey: "temporary", sessionToken: "session==", arn: "" });
  aws.powerless.add(POWERLESS);
  routeHosts(app, (host) => (/\.amazonaws\.com(\.cn)?$/.test(host) ? aws.url : null));
}, 120_000);
afterAll(async () => {
  await Promise.all([app?.close(), aws?.close()]);
});
beforeEach(() => {
  aws.seen.length = 0;
  aws.ahead = 0;
});

const tried = (slug: string, more: object = {}) =>
  tryNative(app, slug, { accessKeyId: KEY, secretAccessKey: SECRET, region: "eu-west-1", ...more });

/** Connector, what it asks for which service at which host, and the field that names something with what is not there. */
const SERVICES: [slug: string, seen: string, named?: [there: object, absent: object, seen: string]][] = [
  ["amazon-ses", "ses/eu-west-1/GET /v2/email/account email.eu-west-1.amazonaws.com"],
  [
    "athena",
    "athena/eu-west-1/AmazonAthena.GetWorkGroup athena.eu-west-1.amazonaws.com",
    [{ workgroup: "primary" }, { workgroup: "elsewhere" }, "AmazonAthena.GetWorkGroup"],
  ],
  [
    "cloudwatch",
    "logs/eu-west-1/Logs_20140328.DescribeLogGroups logs.eu-west-1.amazonaws.com",
    [{ logGroup: "/app/web" }, { logGroup: "/app/none" }, "Logs_20140328.DescribeLogStreams"],
  ],
  ["dynamodb", "dynamodb/eu-west-1/DynamoDB_20120810.ListTables dynamodb.eu-west-1.amazonaws.com"],
  [
    "eventbridge",
    "events/eu-west-1/AWSEvents.DescribeEventBus events.eu-west-1.amazonaws.com",
    [{ eventBusName: "default" }, { eventBusName: "none" }, "AWSEvents.DescribeEventBus"],
  ],
  [
    "kinesis",
    "kinesis/eu-west-1/Kinesis_20131202.ListStreams kinesis.eu-west-1.amazonaws.com",
    [{ streamName: "clicks" }, { streamName: "none" }, "Kinesis_20131202.DescribeStreamSummary"],
  ],
  [
    "sns",
    "sns/eu-west-1/ListTopics sns.eu-west-1.amazonaws.com",
    [{ topicArn: TOPIC }, { topicArn: `${TOPIC}-none` }, "GetTopicAttributes"],
  ],
  [
    "sqs",
    "sqs/eu-west-1/AmazonSQS.ListQueues sqs.eu-west-1.amazonaws.com",
    [{ queueUrl: QUEUE }, { queueUrl: `${QUEUE}-none` }, "AmazonSQS.GetQueueAttributes"],
  ],
];

describe.each(SERVICES)("%s", (slug, seen) => {
  test("is asked one signed question at its own host", async () => {
    expect(await tried(slug)).toMatchObject({ ok: true, code: "OK" });
    expect(aws.seen).toEqual([seen]);
  });

  test.each([
    ["a wrong secret", { secretAccessKey: "wrong-secret" }, "INVALID_CREDENTIALS"],
    ["an unknown key", { accessKeyId: "AKIAUNKNOWN000000000" }, "INVALID_CREDENTIALS"],
    ["a key that may do nothing", { accessKeyId: POWERLESS }, "PERMISSION_DENIED"],
  ])("tells %s, with a remedy and without the secret", async (_what, more, code) => {
    const outcome = await tried(slug, more);
    expect(outcome).toMatchObject({ ok: false, code });
    expect(outcome.remedy).toBeTruthy();
    expect(JSON.stringify(outcome)).not.toMatch(/right\/secret|wrong-secret|<b>/);
  });
});

type Named = [slug: string, named: [there: object, absent: object, seen: string]];

test.each(SERVICES.flatMap(([slug, , named]): Named[] => (named ? [[slug, named]] : [])))(
  "%s asks about what is named, and tells where it is not there",
  async (slug, [there, absent, action]) => {
    expect(await tried(slug, there)).toMatchObject({ ok: true });
    expect(await tried(slug, absent)).toMatchObject({ ok: false, code: "RESOURCE_NOT_FOUND" });
    expect(aws.seen.map((call) => call.split(" ")[0]?.split("/")[2])).toEqual([action, action]);
  },
);

describe("a service of AWS", () => {
  testUnreachable(() => ({
    app,
    slug: "sqs",
    fields: { accessKeyId: KEY, secretAccessKey: SECRET, region: "eu-west-1" },
    at: (host, port) => ({ endpoint: `http://${host}:${port}` }),
  }));

  test("is found in China's partition, and at an address of one's own", async () => {
    expect(await tried("sqs", { region: "cn-north-1" })).toMatchObject({ ok: true });
    expect(await tried("sqs", { endpoint: `http://localhost:${aws.port}/` })).toMatchObject({ ok: true });
    expect(aws.seen.map((call) => call.split(" ")[1])).toEqual(["sqs.cn-north-1.amazonaws.com.cn", `localhost:${aws.port}`]);
  });

  test("is asked with a role's temporary keys where a role is entered", async () => {
    const role = { roleArn: ROLE, externalId: "shared" };
    expect(await tried("sqs", role)).toMatchObject({ ok: true });
    expect(aws.seen[0]).toBe("sts/eu-west-1/AssumeRole sts.eu-west-1.amazonaws.com");
    const outcome = await tried("sqs", { ...role, externalId: "other" });
    expect(outcome).toMatchObject({ ok: false, code: "PERMISSION_DENIED" });
    expect(outcome.remedy).toContain("trust policy");
    expect(await tried("sqs", { ...role, secretAccessKey: "wrong-secret" })).toMatchObject({ code: "INVALID_CREDENTIALS" });
  });

  test("that has another clock is told as such", async () => {
    aws.ahead = 3_600;
    const outcome = await tried("dynamodb");
    expect(outcome.code).toBe("PROVIDER_ERROR");
    expect(outcome.remedy).toContain("clock");
  });

  test("is TLS_ERROR where its port speaks no TLS", async () => {
    const server = await rawServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    expect(await tried("sns", { endpoint: `https://127.0.0.1:${server.port}` })).toMatchObject({ code: "TLS_ERROR" });
    await server.close();
  });

  test("is no service of AWS where just anything answers", async () => {
    const server = await rawServer((socket) =>
      socket.on("data", () => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")),
    );
    expect(await tried("sns", { endpoint: `http://127.0.0.1:${server.port}` })).toMatchObject({ code: "PROVIDER_ERROR" });
    await server.close();
  });
});
