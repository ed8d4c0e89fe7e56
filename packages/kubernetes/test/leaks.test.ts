import { mkdirSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import path from "node:path";
import { isSecretsError } from "@keyhold/core";
import { kubernetes } from "@keyhold/kubernetes";
import { callContext, findLeak } from "@keyhold/testing";
import { expect, it } from "vitest";
import { type Answering, sendStatus, startStandIn } from "./stand-in.ts";

const value = "canary-value-8f3a61";
const token = "canary-token-5d20b7";
const data = { key: Buffer.from(value).toString("base64") };

/** A client as one writes it in an afternoon: its errors keep request and answer, for whoever debugs it. */
function naiveRead(url: string, ca: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` };
    const sent = request(`${url}/api/v1/namespaces/ml/secrets/db`, { ca, headers, agent: false, timeout: 300 }, (response) => {
      let body = "";
      const fail = (cause: unknown) =>
        reject(Object.assign(new Error(`HTTP ${response.statusCode}: ${body}`, { cause }), { headers }));
      response.on("data", (piece) => {
        body += piece;
      });
      response.on("error", fail);
      response.on("end", () => {
        if (response.statusCode !== 200) return fail(undefined);
        try {
          resolve(JSON.parse(body));
        } catch (error) {
          fail(error);
        }
      });
    });
    sent.on("timeout", () => sent.destroy(new Error("timeout")));
    sent.on("error", (error) => reject(Object.assign(error, { request: { headers } })));
    sent.end();
  });
}

it("no failure shows a credential or a value; those of a naive client do", async () => {
  const server = await startStandIn();
  const options = { server: server.url, tls: { ca: server.ca }, token, namespace: "ml" };
  const provider = kubernetes(options);
  const message = `Secret "db" is invalid: data: "${data.key}": ${value}`;
  const failing =
    (code: number, reason: string): Answering =>
    (_asked, response) =>
      sendStatus(response, code, reason, { message, details: { causes: [{ message }] } });
  const body = (status: number, text: string) => (_asked: unknown, response: Parameters<Answering>[1]) =>
    response.writeHead(status).end(text);
  const faults: readonly Answering[] = [
    failing(400, "BadRequest"),
    failing(401, "Unauthorized"),
    failing(403, "Forbidden"),
    failing(404, "NotFound"),
    failing(409, "Conflict"),
    failing(422, "Invalid"),
    failing(429, "TooManyRequests"),
    failing(500, "InternalError"),
    body(503, value),
    body(200, `<html>${value}</html>`),
    body(200, `{"data":{"key":"${data.key}`),
    body(200, `{"data":{"key":"${data.key}"}}`),
    (_asked, response) => response.writeHead(302, { location: `https://127.0.0.1:9/${value}` }).end(),
    (_asked, response) => {
      response.writeHead(200, { "content-length": "1000" });
      response.write(`{"data":{"key":"${data.key}`, () => response.socket?.destroy());
    },
    () => {},
  ];
  const canaries = [token, value];
  const fields = { key: value };
  const calls: readonly (() => Promise<unknown>)[] = [
    () => provider.read({ path: "db" }, callContext({ deadlineMs: 300 })),
    () =>
      provider.write!({ path: "db" }, { kind: "fields", fields }, { idempotencyKey: token }, callContext({ deadlineMs: 300 })),
    () => provider.patch("db", fields, {}, callContext({ deadlineMs: 300 })),
    () => provider.check!(callContext({ deadlineMs: 300 })),
  ];
  let [failures, leaks, bareSdkLeaks] = [0, 0, 0];
  for (const fault of faults) {
    server.answer(fault);
    for (const call of calls) {
      const ours = await call().catch((error: unknown) => error);
      if (isSecretsError(ours)) failures += 1;
      if (findLeak(ours, canaries)) leaks += 1;
    }
    if (findLeak(await naiveRead(server.url, server.ca).catch((error: unknown) => error), canaries)) bareSdkLeaks += 1;
  }
  if (findLeak(provider, canaries)) leaks += 1;
  await provider.close?.();
  await server.close();
  const folder = path.resolve(import.meta.dirname, "../../../node_modules/.cache/keyhold/leaks");
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, "kubernetes.json"), JSON.stringify({ adapter: "kubernetes", failures, leaks, bareSdkLeaks }));
  console.log(`kubernetes: ${failures} failures: ${leaks} leaks; a naive client: ${bareSdkLeaks} leaks in ${faults.length}`);
  expect(leaks).toBe(0);
  expect(bareSdkLeaks).toBeGreaterThan(0);
});
