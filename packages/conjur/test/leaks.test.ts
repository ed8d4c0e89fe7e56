import { mkdirSync, writeFileSync } from "node:fs";
import { request as httpsRequest, type RequestOptions } from "node:https";
import path from "node:path";
import { apiKeyAuth, azureAuth, type ConjurAuth, conjur, gcpAuth, iamAuth, jwtAuth } from "@keyhold/conjur";
import type { CallContext } from "@keyhold/core";
import { staticAwsCredentials } from "@keyhold/identity";
import { callContext, findLeak } from "@keyhold/testing";
import { expect, it } from "vitest";
import type { Fault } from "../../../test/servers/faults.ts";
import { start } from "./start.ts";

const value = "canary-value-8f3a61";

/** What clients of REST services commonly do with an answer that is no success: everything goes into the error. */
function bareRequest(options: RequestOptions, body?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest(options, (response) => {
      const chunks: Buffer[] = [];
      response.on("error", (error) => reject(Object.assign(error, { config: { ...options, body } })));
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        if (response.statusCode === 200) return resolve(text);
        const error = new Error(`status ${response.statusCode}: ${text}`);
        return reject(Object.assign(error, { config: { ...options, body }, response: text }));
      });
    });
    request.on("error", (error) => reject(Object.assign(error, { config: { ...options, body } })));
    request.end(body);
  });
}

it("no failure shows a credential, a token or a value; those of a bare client do", async () => {
  const { server, open, close } = await start("- !variable faulty");
  server.seed("faulty", value);
  const provider = open();
  const key = server.adminApiKey;
  const aws = {
    accessKeyId: "AKIATESTTESTTEST",
    secretAccessKey: "canary-aws-secret-access-key",
    sessionToken: "canary-session-1f",
  };
  const jwt = "canary-header-5d.canary-payload-6e.canary-signature-7f";
  const common = { hostname: "127.0.0.1", port: server.port, ca: server.ca, agent: false as const };
  const authenticate = {
    ...common,
    method: "POST",
    path: "/authn/test/admin/authenticate",
    headers: { "content-type": "text/plain" },
  };
  const accessToken = JSON.parse(await bareRequest(authenticate, key)) as Record<string, string>;
  const canaries = () => [
    key,
    value,
    aws.secretAccessKey,
    aws.sessionToken,
    ...jwt.split("."),
    ...Object.values(accessToken),
    // The tokens that the provider was given.
    ...server.requests.flatMap(({ request, answer }) =>
      request.path.endsWith("/authenticate") && answer?.status === 200 ? [Buffer.from(answer.body ?? "").toString("base64")] : [],
    ),
  ];

  const faults: readonly (Fault | undefined)[] = [
    undefined,
    ...[400, 401, 403, 404, 409, 422, 429, 500, 503].map(
      (status): Fault => ({ kind: "status", status, body: `${value} ${key}` }),
    ),
    { kind: "reset" },
    { kind: "html" },
    { kind: "redirect", location: `http://127.0.0.1:9/${value}` },
  ];
  const faulty = { path: "faulty" };
  const content = { kind: "opaque", value } as const;
  const calls: Readonly<Record<string, (context: CallContext) => Promise<unknown>>> = {
    "a missing one": (context) => provider.read({ path: "none" }, context),
    "a value": (context) => provider.read(faulty, context),
    "many values": (context) =>
      provider.readMany!([faulty, { path: "none" }], context).then((outcomes) => outcomes.find((one) => "code" in one)),
    "a write": (context) => provider.write!(faulty, content, {}, context),
    "a list": (context) => provider.list!({ prefix: "" }, context),
    "a policy": (context) => provider.policies.load("root", `- !variable ${value}`, context),
    "a key": (context) => provider.rotateApiKey({ role: "host:none" }, context),
    "a check": (context) => provider.check!(context),
  };
  const auths: readonly ConjurAuth[] = [
    apiKeyAuth({ login: "admin", apiKey: `${key}0` }),
    jwtAuth({ service: "ci", token: async () => jwt }),
    jwtAuth({ service: "ci", token: () => Promise.reject(new Error(jwt)) }),
    jwtAuth({ service: "ci", token: async () => "" }),
    azureAuth({ service: "prod", host: "vm", token: async () => jwt }),
    gcpAuth({ token: async () => jwt }),
    iamAuth({ service: "prod", host: "app/1/ml", credentials: staticAwsCredentials(aws) }),
    iamAuth({ service: "prod", host: "app/1/ml", credentials: () => Promise.reject(new Error(aws.secretAccessKey)) }),
  ];

  const failures: unknown[] = [];
  let bareSdkLeaks = 0;
  const failing = async (call: () => Promise<unknown>) => {
    const given = await call().catch((error: unknown) => error);
    if (given instanceof Error) failures.push(given);
  };
  for (const fault of faults) {
    for (const call of Object.values(calls)) {
      // Twice for a 401, which one more sign-in would mend.
      if (fault) server.faults.next(fault, { times: 2, match: /^(?!POST \/authn)/ });
      await failing(() => call(callContext()));
      server.faults.clear();
    }
    if (fault) server.faults.next(fault);
    await failing(() => open().read(faulty, callContext()));
    server.faults.clear();

    if (fault) server.faults.next(fault);
    const authorization = `Token token="${Buffer.from(JSON.stringify(accessToken)).toString("base64")}"`;
    const bare = await bareRequest({ ...common, path: "/secrets/test/variable/none", headers: { authorization } }).catch(
      (error) => error,
    );
    if (findLeak(bare, [...canaries(), Buffer.from(JSON.stringify(accessToken)).toString("base64")])) bareSdkLeaks += 1;
    server.faults.clear();
  }
  for (const auth of auths) await failing(() => open({ auth }).read(faulty, callContext()));
  for (const url of [`https://admin:${key}@conjur.example`, `http://conjur.example/${key}`, `not a url ${key}`]) {
    await failing(async () => conjur({ url, account: "test", auth: auths[0] as ConjurAuth }));
  }

  const leaks = [...failures, provider, ...auths].flatMap((subject) => {
    const where = findLeak(subject, canaries());
    return where === undefined ? [] : [`${where} of ${(subject as Error).message}`];
  });
  const folder = path.resolve(import.meta.dirname, "../../../node_modules/.cache/keyhold/leaks");
  mkdirSync(folder, { recursive: true });
  const counts = { adapter: "conjur", failures: failures.length, leaks: leaks.length, bareSdkLeaks };
  writeFileSync(path.join(folder, "conjur.json"), JSON.stringify(counts));
  console.log(
    `conjur: ${failures.length} failures: ${leaks.length} leaks; a bare client, of ${faults.length}: ${bareSdkLeaks} leaks`,
  );
  expect(leaks).toEqual([]);
  expect(failures.length).toBeGreaterThan(faults.length * Object.keys(calls).length * 0.9);
  expect(bareSdkLeaks).toBeGreaterThan(0);
  await close();
});
