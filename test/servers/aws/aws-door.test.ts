import { get } from "node:https";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { makeCertificates } from "../certificates.ts";
import { type RawCall, signedCall } from "./signed-call.ts";
import { type AwsServer, startAws } from "./start-aws.ts";

let server: AwsServer;
beforeAll(async () => {
  server = await startAws();
  await signedCall(server, {
    action: "CreateSecret",
    input: { Name: "known", SecretString: "value", ClientRequestToken: "t".repeat(32) },
  });
});
afterEach(() => {
  expect(server.violations.splice(0)).toEqual([]);
  server.faults.clear();
  server.setClockOffset(0);
});
afterAll(() => server?.close());

const read = (call: Partial<RawCall> = {}) =>
  signedCall(server, { action: "GetSecretValue", input: { SecretId: "known" }, ...call });
const refused = (type: string, status = 400): object =>
  expect.objectContaining({ status, body: expect.objectContaining({ __type: type }) });

describe("signatures", () => {
  test("a right one is let in", async () => {
    expect(await read()).toMatchObject({ status: 200, body: { SecretString: "value" } });
  });

  test("an unknown key is not recognised", async () => {
    const credentials = { ...server.credentials, accessKeyId: "AKIAUNKNOWN" };
    expect(await read({ credentials })).toEqual(refused("UnrecognizedClientException"));
  });

  test("a wrong secret key makes a wrong signature", async () => {
    expect(await read({ credentials: { ...server.credentials, secretAccessKey: "wrong" } })).toEqual(
      refused("InvalidSignatureException"),
    );
  });

  test("a body that was changed after signing makes a wrong signature", async () => {
    expect(await read({ body: '{"SecretId":"other"}' })).toEqual(refused("InvalidSignatureException"));
  });

  test("five minutes of skew are forgiven, ten are not, either way", async () => {
    for (const sign of [1, -1]) {
      expect(await read({ clockOffsetMs: sign * 240_000 })).toMatchObject({ status: 200 });
      expect(await read({ clockOffsetMs: sign * 600_000 })).toEqual(refused("InvalidSignatureException"));
    }
  });

  test("the service's clock can be moved, and its answers say so", async () => {
    server.setClockOffset(3_600_000);
    const answer = await read();
    expect(answer).toEqual(refused("InvalidSignatureException"));
    expect(Date.parse(String(answer.headers.get("date"))) - Date.now()).toBeGreaterThan(3_500_000);
  });

  test("another region's or service's scope is refused", async () => {
    expect(await read({ region: "mars-north-1" })).toEqual(refused("InvalidSignatureException"));
    expect(await read({ service: "s3" })).toEqual(refused("InvalidSignatureException"));
  });

  test("an x-amz- header that is not signed is refused", async () => {
    expect(await read({ headers: { "x-amz-user": "root" } })).toEqual(refused("InvalidSignatureException"));
  });

  test("temporary credentials need their token, and end", async () => {
    const temporary = server.addCredentials({ temporary: true });
    expect(await read({ credentials: temporary })).toMatchObject({ status: 200 });
    const { sessionToken: _token, ...bare } = temporary;
    expect(await read({ credentials: bare })).toEqual(refused("UnrecognizedClientException"));
    const past = server.addCredentials({ expiresAt: new Date(Date.now() - 1_000) });
    expect(await read({ credentials: past })).toEqual(refused("ExpiredTokenException"));
  });

  test("no signature at all is refused", async () => {
    const response = await fetch(server.url, {
      method: "POST",
      body: "{}",
      headers: { "x-amz-target": "secretsmanager.ListSecrets", "content-type": "application/x-amz-json-1.1" },
    });
    expect(await response.json()).toMatchObject({ __type: "MissingAuthenticationTokenException" });
  });
});

describe("requests", () => {
  test("an unknown operation, a body that is no JSON and a wrong content type are refused", async () => {
    expect(await read({ action: "GetEverything" })).toEqual(refused("UnknownOperationException"));
    expect(await read({ headers: { "content-type": "application/json" } })).toEqual(refused("UnknownOperationException", 404));
    expect(await signedCall(server, { action: "GetSecretValue", input: [] })).toEqual(refused("SerializationException"));
  });

  test("a member that the service does not know is refused", async () => {
    expect(await read({ input: { SecretId: "known", VersionLabel: "AWSCURRENT" } })).toEqual(refused("UnknownMember"));
    expect(server.violations.splice(0)).toEqual([expect.stringMatching(/versionLabel/)]);
  });

  test("a member of another type or a missing one is refused", async () => {
    expect(await read({ input: { SecretId: 1 } })).toEqual(refused("SerializationException"));
    expect(await read({ input: {} })).toEqual(refused("ValidationException"));
    expect(await read({ action: "CreateSecret", input: { Name: "b", SecretBinary: "not base64!" } })).toEqual(
      refused("SerializationException"),
    );
  });

  test.each(["CreateSecret", "UpdateSecret", "PutSecretValue"])(
    "%s without a token is refused, as no SDK would send it",
    async (action) => {
      const id = action === "CreateSecret" ? { Name: "new" } : { SecretId: "known" };
      expect(await read({ action, input: { ...id, SecretString: "a" } })).toEqual(refused("InvalidRequestException"));
    },
  );

  test("answers carry the service's content type and an id, and no nulls", async () => {
    const { headers, body } = await read({ action: "DescribeSecret" });
    expect(headers.get("content-type")).toBe("application/x-amz-json-1.1");
    expect(headers.get("x-amzn-requestid")).toMatch(/^[0-9a-f-]{36}$/);
    expect(Object.values(body)).not.toContain(null);
    expect(Object.keys(body).sort()).toEqual(["ARN", "CreatedDate", "LastChangedDate", "Name", "VersionIdsToStages"]);
  });
});

describe("permissions", () => {
  test("what is denied is denied for that action and secret alone", async () => {
    const allow = server.deny("GetSecretValue", "known");
    expect(await read()).toEqual(refused("AccessDeniedException"));
    expect(
      await read({ input: { SecretId: `arn:aws:secretsmanager:${server.region}:${server.accountId}:secret:known-AbCdEf` } }),
    ).toEqual(refused("AccessDeniedException"));
    expect(await read({ action: "DescribeSecret" })).toMatchObject({ status: 200 });
    expect(await read({ input: { SecretId: "other" } })).toEqual(refused("ResourceNotFoundException"));
    allow();
    expect(await read()).toMatchObject({ status: 200 });
  });
});

describe("faults", () => {
  test("the service's errors come when asked for, as often as asked for", async () => {
    server.fail("ThrottlingException", { times: 2, match: /^GetSecretValue known$/ });
    expect(await read({ action: "DescribeSecret" })).toMatchObject({ status: 200 });
    expect(await read()).toEqual(refused("ThrottlingException"));
    expect(await read()).toEqual(refused("ThrottlingException"));
    expect(await read()).toMatchObject({ status: 200 });
    server.fail("InternalServiceError");
    expect(await read()).toEqual(refused("InternalServiceError", 500));
  });

  test("a status, a web page, half a document, a redirect and 10 MB arrive as planned", async () => {
    server.faults.next({ kind: "status", status: 503 });
    expect(await read()).toEqual(refused("ServiceUnavailableException", 503));
    server.faults.next({ kind: "html" });
    expect((await read()).body).toMatch(/^<!doctype/i);
    server.faults.next({ kind: "invalid-json" });
    expect((await read()).body).toMatch(/^\{"ARN".*[^}]$/);
    server.faults.next({ kind: "redirect", location: "http://127.0.0.1:1/" });
    expect((await read()).headers.get("location")).toBe("http://127.0.0.1:1/");
    server.faults.next({ kind: "large" });
    expect((await read()).body.value.length).toBeGreaterThan(10_000_000);
  });

  test("a reset breaks the connection in the middle, a hang never answers", async () => {
    server.faults.next({ kind: "reset" });
    await expect(read()).rejects.toThrow();
    server.faults.next({ kind: "hang" });
    const asked = read().catch(() => "closed");
    await expect.poll(() => server.faults.pending).toBe(0);
    const late = new Promise((resolve) => setTimeout(resolve, 300, "late"));
    expect(await Promise.race([asked, late])).toBe("late");
  });
});

test("the token service says who calls, and refuses a wrong signature in XML", async () => {
  const identity = (credentials = server.credentials) =>
    signedCall(server, { action: "GetCallerIdentity", service: "sts", credentials });
  const { status, body } = await identity();
  expect([status, /<Arn>(.*)<\/Arn>/.exec(body)?.[1]]).toEqual([
    200,
    `arn:aws:iam::${server.accountId}:user/${server.credentials.accessKeyId}`,
  ]);
  const refused = await identity({ ...server.credentials, secretAccessKey: "wrong" });
  expect(refused).toMatchObject({ status: 403, body: expect.stringContaining("<Code>SignatureDoesNotMatch</Code>") });
});

test("over HTTPS it needs its authority", async () => {
  const secure = await startAws({ tls: await makeCertificates() });
  const codeOf = (ca?: string) =>
    new Promise((resolve) =>
      get(secure.url, { ca, agent: false }, (response) => resolve(response.resume().statusCode)).on("error", (error: any) =>
        resolve(error.code),
      ),
    );
  expect(await codeOf(secure.ca)).toBe(403);
  expect(await codeOf()).toMatch(/SELF_SIGNED|UNABLE_TO_VERIFY/);
  await secure.close();
  await expect(codeOf(secure.ca)).resolves.toBe("ECONNREFUSED");
});
