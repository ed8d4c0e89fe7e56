import { once } from "node:events";
import { request as requestHttps } from "node:https";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startAzure } from "./azure/start-azure.ts";
import { makeCertificates } from "./certificates.ts";
import { startConjur } from "./conjur/start-conjur.ts";
import { createFaultPlan, largeBytes } from "./faults.ts";
import { startGoogle } from "./google/start-google.ts";
import { type HttpsService, json, startHttpsService } from "./https-service.ts";
import { startTokenServer } from "./oidc/start-token-server.ts";
import { send } from "./send.ts";

describe("faults", () => {
  let service: HttpsService;
  let handled: number;

  beforeEach(async () => {
    handled = 0;
    service = await startHttpsService({
      failure: (status) => json(status, { error: status }),
      handle() {
        handled += 1;
        return json(200, { value: "the whole value" });
      },
    });
  });
  afterEach(async () => {
    await service.close();
    expect(service.faults.pending).toBe(0);
    expect(service.violations).toEqual([]);
  });

  it("a status strikes as often as planned, in the service's own words, and the service does not see it", async () => {
    service.faults.next({ kind: "status", status: 429, headers: { "retry-after": "3" } }, { times: 2 });
    for (let hit = 0; hit < 2; hit += 1) {
      const answer = await send(service, "GET", "/a");
      expect([answer.status, answer.headers["retry-after"], answer.json()]).toEqual([429, "3", { error: 429 }]);
    }
    expect(handled).toBe(0);
    expect((await send(service, "GET", "/a")).status).toBe(200);
  });

  it("only what matches is struck, by method and path", async () => {
    service.faults.next({ kind: "status", status: 503 }, { match: /^GET \/b/ });
    expect((await send(service, "GET", "/a")).status).toBe(200);
    expect((await send(service, "GET", "/b")).status).toBe(503);
  });

  it("a hang is read and never answered", async () => {
    service.faults.next({ kind: "hang" });
    const asked = send(service, "GET", "/a", { timeoutMs: 60_000 }).then(
      () => "answered",
      () => "ended",
    );
    await expect.poll(() => service.requests.length).toBe(1);
    const later = new Promise((resolve) => setTimeout(resolve, 200, "still waiting"));
    expect(await Promise.race([asked, later])).toBe("still waiting");
    expect(service.requests).toMatchObject([{ fault: "hang" }]);
    expect(handled).toBe(0);
  });

  it("a reset comes in the middle of the body, after the service has done its work", async () => {
    service.faults.next({ kind: "reset" });
    const request = requestHttps({ host: "127.0.0.1", port: service.port, ca: service.ca, agent: false });
    request.on("error", () => undefined); // The same reset, told twice.
    request.end();
    const [response] = await once(request, "response");
    let seen = 0;
    response.on("data", (chunk: Buffer) => {
      seen += chunk.length;
    });
    const [error] = await once(response, "error");
    expect((error as NodeJS.ErrnoException).code).toBe("ECONNRESET");
    expect(seen).toBeGreaterThan(0);
    expect(handled).toBe(1);
  });

  it("a page of HTML arrives with 200", async () => {
    service.faults.next({ kind: "html" });
    const answer = await send(service, "GET", "/a");
    expect([answer.status, answer.headers["content-type"]]).toEqual([200, "text/html; charset=utf-8"]);
  });

  it("invalid JSON says that it is JSON", async () => {
    service.faults.next({ kind: "invalid-json" });
    const answer = await send(service, "GET", "/a");
    expect(answer.headers["content-type"]).toMatch(/json/);
    expect(() => answer.json()).toThrow();
  });

  it("a redirect names the other host, and whether a client follows with its credential shows there", async () => {
    const other = await startHttpsService({ handle: () => json(200, {}) });
    service.faults.next({ kind: "redirect", location: `${other.url}/stolen` });
    const answer = await send(service, "GET", "/a", { headers: { authorization: "Bearer x" } });
    expect([answer.status, answer.headers.location]).toEqual([302, `${other.url}/stolen`]);
    expect(other.requests).toEqual([]);
    await other.close();
  });

  it("a large answer is 10 MB of JSON", async () => {
    service.faults.next({ kind: "large" });
    const answer = await send(service, "GET", "/a");
    expect(answer.body.length).toBe(largeBytes);
    expect(answer.json()).toHaveProperty("value");
  });

  it("a slow answer is the service's own, late", async () => {
    service.faults.next({ kind: "slow", delayMs: 100 });
    const started = performance.now();
    expect((await send(service, "GET", "/a")).json()).toEqual({ value: "the whole value" });
    expect(performance.now() - started).toBeGreaterThan(90);
  });

  it("an expired certificate and one for another host are refused by a client that looks", async () => {
    for (const [tls, code] of [
      [await makeCertificates({ expired: true }), "CERT_HAS_EXPIRED"],
      [await makeCertificates({ hosts: ["other.example"] }), "ERR_TLS_CERT_ALTNAME_INVALID"],
    ] as const) {
      const own = await startHttpsService({ tls, handle: () => json(200, {}) });
      await expect(send(own, "GET", "/")).rejects.toMatchObject({ code });
      await own.close();
    }
  });

  it("each service words a status in its own way", async () => {
    const tokens = await startTokenServer();
    const [azure, google, conjur] = [await startAzure({ tokens }), await startGoogle({ tokens }), await startConjur()];
    for (const own of [azure, google, conjur]) own.faults.next({ kind: "status", status: 401 });
    const challenged = await send(azure, "GET", "/secrets/a");
    expect(challenged.headers["www-authenticate"]).toContain("Bearer authorization=");
    expect((await send(google, "GET", "/v1/projects/p/secrets")).json().error).toMatchObject({
      code: 401,
      status: "UNAUTHENTICATED",
    });
    expect((await send(conjur, "GET", "/whoami")).text).toBe("");
    for (const own of [azure, google, conjur, tokens]) await own.close();
  });

  it("a plan counts what still waits, and can be cleared", () => {
    const plan = createFaultPlan();
    plan.next({ kind: "hang" }, { times: 3 });
    plan.take("GET /");
    expect(plan.pending).toBe(2);
    plan.clear();
    expect([plan.pending, plan.take("GET /")]).toEqual([0, undefined]);
  });
});
