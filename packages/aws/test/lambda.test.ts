import { type LambdaContext, secretsMiddleware, withSecrets } from "@keyhold/aws/lambda";
import { aws } from "@keyhold/aws/lean";
import { createSecrets } from "@keyhold/core";
import { callContext } from "@keyhold/testing";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { type AwsServer, startAws } from "../../../test/servers/aws/start-aws.ts";

let server: AwsServer;
const closing: { close(): Promise<void> }[] = [];
const references = { one: "aws://lambda/one#key", two: "aws://lambda/two" } as const;

beforeAll(async () => {
  server = await startAws();
  await write("lambda/one", '{"key":"first"}');
  await write("lambda/two", "second");
});
beforeEach(() => server.forgetCalls());
afterEach(async () => {
  server.faults.clear();
  await Promise.all(closing.splice(0).map((one) => one.close()));
  expect(server.violations).toEqual([]);
});
afterAll(() => server?.close());

const options = () => ({ endpoint: server.url, region: server.region, credentials: server.credentials });
async function write(path: string, value: string): Promise<void> {
  const provider = aws(options());
  await provider.write!({ path }, { kind: "opaque", value }, {}, callContext());
  await provider.close?.();
}
function client(cache = {}) {
  const secrets = createSecrets({ providers: { aws: aws(options()) }, cache });
  closing.push(secrets);
  return secrets;
}
/** What an invocation is given. */
const context = (remainingMs = 20_000): LambdaContext => {
  const endsAt = Date.now() + remainingMs;
  return { awsRequestId: "request", getRemainingTimeInMillis: () => endsAt - Date.now() } as unknown as LambdaContext;
};
const reads = () => server.calls().filter(({ action }) => /GetSecretValue$/.test(action)).length;

it("begins to read before it is invoked, and hands over the shape that it was given", async () => {
  const secrets = client();
  const record = withSecrets(references, (_event: unknown, _context, { one, two }) => [one.text(), two.text()], { secrets });
  await expect.poll(reads).toBe(1);
  expect(await record({}, context())).toEqual(["first", "second"]);
  const list = withSecrets([references.two], (event: string, { awsRequestId }, [two]) => [event, awsRequestId, two.text()], {
    secrets,
  });
  expect(await list("event", context())).toEqual(["event", "request", "second"]);
  expect(reads()).toBe(1);
});

it("gives a handler of two parameters, as the runtime refuses a third", () => {
  expect(withSecrets([references.two], () => undefined, { secrets: client() })).toHaveLength(2);
});

it("reads what is too old in one call, before the handler runs", async () => {
  const handler = withSecrets(references, (_event: unknown, _context, { two }) => two.text(), { secrets: client(), maxAgeMs: 0 });
  await handler({}, context());
  await write("lambda/two", "rotated");
  server.forgetCalls();
  let invocations = 0;
  const invoke = () => {
    invocations += 1;
    return handler({}, context());
  };
  // Once, but on a machine that stands still for as long as an invocation waits for newer values.
  await expect.poll(invoke).toBe("rotated");
  const actions = server.calls().map(({ action }) => action);
  expect(new Set(actions)).toEqual(new Set(["BatchGetSecretValue"]));
  expect(actions.length).toBeLessThanOrEqual(invocations);
  await write("lambda/two", "second");
});

it("ends within what is left of the invocation while AWS does not answer, and reads again at the next", async () => {
  server.faults.next({ kind: "hang" }, { times: 1_000 });
  const handler = withSecrets(references, (_event: unknown, _context, { two }) => two.text(), { secrets: client() });
  const ended = handler({}, context(2_000)).catch((error: unknown) => error);
  // A timer beside it: what the machine stands still for delays both.
  const killed = new Promise((resolve) => setTimeout(resolve, 2_000, "killed"));
  expect(await Promise.race([ended, killed])).toMatchObject({ name: "SecretsError", retryable: true });
  server.faults.clear();
  expect(await handler({}, context())).toBe("second");
});

it("tries again what is throttled for as long as the invocation has", async () => {
  server.fail("ThrottlingException", { times: 8, match: /GetSecretValue/ });
  const handler = withSecrets(references, (_event: unknown, _context, { two }) => two.text(), { secrets: client() });
  expect(await handler({}, context())).toBe("second");
});

it("goes on with older values while newer ones are throttled, and asks for them seldom", async () => {
  const handler = withSecrets(references, (_event: unknown, _context, { two }) => two.text(), { secrets: client(), maxAgeMs: 0 });
  await handler({}, context());
  server.fail("ThrottlingException", { times: 1_000, match: /GetSecretValue/ });
  expect(await handler({}, context())).toBe("second");
  const before = reads();
  for (let turn = 0; turn < 20; turn += 1) expect(await handler({}, context())).toBe("second");
  expect(reads()).toBe(before);
});

it("tells each invocation of what AWS refuses, and gives up a value that it no longer may read", async () => {
  const secrets = client({ negativeMs: 0 });
  const handler = withSecrets(references, (_event: unknown, _context, { two }) => two.text(), { secrets, maxAgeMs: 0 });
  await handler({}, context());
  const allow = server.deny("*");
  await expect(handler({}, context())).rejects.toMatchObject({ code: "permission-denied" });
  allow();
  expect(await handler({}, context())).toBe("second");
});

it.each([
  ["a malformed reference", ["nowhere"], {}],
  ["a provider that is not there", ["awz://lambda/two"], {}],
  ["no references", undefined, {}],
  ["an age that is no number", ["aws://lambda/two"], { maxAgeMs: Number.NaN }],
])("answers %s with invalid-argument at each invocation, and never before", async (_what, given, more) => {
  const handler = withSecrets(given as never, () => "ran", { secrets: client(), ...more } as never);
  for (let turn = 0; turn < 2; turn += 1) {
    await expect(handler({}, context())).rejects.toMatchObject({ code: "invalid-argument" });
  }
});

it("puts them into the context as a middleware", async () => {
  const middleware = secretsMiddleware(references, { secrets: client() });
  const request = { context: context() as Parameters<typeof middleware.before>[0]["context"] };
  await middleware.before(request);
  expect(request.context.secrets.one.text()).toBe("first");
  expect(JSON.stringify(request)).not.toContain("first");
});
