import { aws } from "@keyhold/aws";
import { aws as leanAws } from "@keyhold/aws/lean";
import { describe, expect, it } from "vitest";

const arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-a1B2c3";
const spellings = [arn, arn.slice(0, -7), "prod/db-a1B2c3", "prod/db"];

/** As EventBridge passes on what CloudTrail recorded. */
const event = (detail: object, kind = "AWS API Call via CloudTrail") => ({
  version: "0",
  id: "dd5fd657-7361-f5d2-0c0f-0fe27390611b",
  "detail-type": kind,
  source: "aws.secretsmanager",
  account: "123456789012",
  time: "2026-08-13T19:17:16Z",
  region: "eu-west-1",
  resources: [],
  detail: {
    eventVersion: "1.08",
    eventSource: "secretsmanager.amazonaws.com",
    eventTime: "2026-08-13T19:17:16Z",
    awsRegion: "eu-west-1",
    requestParameters: null,
    responseElements: null,
    ...detail,
  },
});

describe.each([
  ["aws", aws],
  ["leanAws", leanAws],
])("an event of EventBridge at %s", (_name, make) => {
  const provider = make({ region: "eu-west-1" });
  const paths = (received: object) => provider.changedPaths?.(received as never);

  it("names its secret by its ARN, with or without the suffix, and by its name", () => {
    const put = {
      eventName: "PutSecretValue",
      requestParameters: { secretId: "prod/db", clientRequestToken: "1", versionStages: ["AWSCURRENT"] },
      responseElements: { arn, name: "prod/db", versionId: "1" },
    };
    expect(paths(event(put))).toEqual(spellings);
    expect(paths(event({ ...put, responseElements: { aRN: arn } }))).toEqual(spellings);
    const service = "AWS Service Event via CloudTrail";
    expect(paths(event({ eventName: "RotationSucceeded", additionalEventData: { SecretId: arn } }, service))).toEqual(spellings);
    expect(paths(event({ eventName: "RotationSucceeded", serviceEventDetails: { secretId: arn } }, service))).toEqual(spellings);
    const moved = {
      eventName: "UpdateSecretVersionStage",
      requestParameters: { secretId: "prod/db", versionStage: "AWSCURRENT" },
    };
    expect(paths(event(moved))).toEqual(["prod/db"]);
  });

  it("is about nothing when it changes nothing, failed, or is of another region", () => {
    const answered = { responseElements: { arn } };
    expect(paths(event({ eventName: "GetSecretValue", ...answered }))).toEqual([]);
    expect(paths(event({ eventName: "RotationFailed", additionalEventData: { SecretId: arn } }))).toEqual([]);
    expect(paths(event({ eventName: "PutSecretValue", errorCode: "AccessDenied", ...answered }))).toEqual([]);
    expect(paths({ ...event({ eventName: "PutSecretValue", ...answered }), region: "us-east-1" })).toEqual([]);
    expect(
      paths(event({ eventName: "PutSecretValue", responseElements: { arn: arn.replace("eu-west-1", "us-east-1") } })),
    ).toEqual([]);
    expect(paths(event({ eventName: "PutSecretValue" }))).toEqual([]);
  });

  it("is none of AWS's when it is another's", () => {
    for (const other of [
      {},
      { source: "aws.ec2", detail: {} },
      { source: "aws.secretsmanager", detail: "x" },
      { reference: "x" },
    ]) {
      expect(paths(other)).toBeUndefined();
    }
  });
});
