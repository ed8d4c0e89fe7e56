import { describe, expect, it } from "vitest";
import { startAzure } from "../azure/start-azure.ts";
import { startConjur } from "../conjur/start-conjur.ts";
import { googleToken, startGoogle } from "../google/start-google.ts";
import type { Exchange, HttpsService } from "../https-service.ts";
import { startTokenServer } from "../oidc/start-token-server.ts";
import { createTokenAuthority } from "../oidc/token-authority.ts";
import { send } from "../send.ts";
import { buildCheck } from "./check-exchange.ts";
import { corrections } from "./corrections.ts";
import { type Vendor, vendorData } from "./vendor-data.ts";

type Call = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<any>;

/** Sends JSON, or text as it is; gives parsed JSON where there is some. */
function caller(server: HttpsService, authorization: string): Call {
  return async (method, path, body, headers = {}) => {
    const answer = await send(server, method, path, {
      headers: {
        ...(authorization && { authorization }),
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    return /json/.test(answer.headers["content-type"] ?? "") ? answer.json() : answer.text;
  };
}

/** Each vendor's server, and every kind of exchange with it. */
const tours: Record<Vendor, () => Promise<Exchange[]>> = {
  async azure() {
    const tokens = await startTokenServer();
    const server = await startAzure({ tokens, deletingMs: 0, recoveringMs: 0 });
    const call = caller(server, `Bearer ${await tokens.mint()}`);
    const version = "api-version=2025-07-01";
    await caller(server, "")("PUT", `/secrets/a?${version}`);
    const { id } = await call("PUT", `/secrets/a?${version}`, {
      value: "1",
      tags: { a: "b" },
      contentType: "text/plain",
      attributes: { exp: 4e9 },
    });
    for (const path of ["/secrets/a", "/secrets/a/", new URL(id).pathname, "/secrets/missing"])
      await call("GET", `${path}?api%2Dversion=2025-07-01`);
    for (const path of ["/secrets/a/", new URL(id).pathname])
      await call("PATCH", `${path}?${version}`, { attributes: { enabled: true } });
    await call("PUT", `/secrets/b?${version}`, { value: "1" });
    const { nextLink } = await call("GET", `/secrets?${version}&maxresults=1`);
    await call("GET", new URL(nextLink).pathname + new URL(nextLink).search);
    await call("GET", `/secrets/a/versions?${version}`);
    await call("DELETE", `/secrets/a?${version}`);
    await call("GET", `/deletedsecrets?${version}`);
    await call("GET", `/deletedsecrets/a?${version}`);
    await call("PUT", `/secrets/a?${version}`, { value: "1" });
    await call("POST", `/deletedsecrets/a/recover?${version}`);
    await call("DELETE", `/secrets/b?${version}`);
    await call("DELETE", `/deletedsecrets/b?${version}`);
    await server.close();
    await tokens.close();
    return server.requests;
  },

  async google() {
    const tokens = await startTokenServer();
    const server = await startGoogle({ tokens });
    const call = caller(server, `Bearer ${await googleToken(tokens)}`);
    for (const parent of ["projects/test-project", "projects/test-project/locations/europe-west1"]) {
      const isGlobal = !parent.includes("locations");
      const secret = `/v1/${parent}/secrets/a`;
      const alt = "$alt=json;enum-encoding=int";
      await call("POST", `/v1/${parent}/secrets?secretId=a`, {
        ...(isGlobal && { replication: { automatic: {} } }),
        labels: { a: "b" },
        annotations: { a: "b" },
        ttl: "3600s",
      });
      await call("POST", `${secret}:addVersion`, {
        parent: secret.slice(4),
        payload: { data: "MQ==", dataCrc32c: "2432014819" },
      });
      await call("POST", `${secret}:addVersion?${alt}`, { payload: { data: "MQ==" } });
      await call("GET", `${secret}/versions/latest:access`);
      await call("GET", `${secret}/versions/9:access`);
      for (const verb of ["disable", "enable", "destroy"]) await call("POST", `${secret}/versions/1:${verb}`, {});
      await call("GET", `${secret}/versions/1?${alt}`);
      await call("GET", `${secret}/versions?pageSize=1&filter=state:ENABLED`);
      await call("PATCH", `${secret}?updateMask=version_aliases`, { versionAliases: { stable: "1" } });
      await call("GET", secret);
      await call("GET", `/v1/${parent}/secrets`);
      await call("DELETE", secret);
    }
    await caller(server, "")("GET", "/v1/projects/test-project/secrets/a");
    await server.close();
    await tokens.close();
    return server.requests;
  },

  async conjur() {
    const authority = await createTokenAuthority();
    const server = await startConjur({ authority });
    const text = { "content-type": "text/plain" };
    const key = server.adminApiKey;
    const token = await caller(server, "")("POST", "/authn/test/admin/authenticate", key, text);
    const call = caller(server, `Token token="${Buffer.from(JSON.stringify(token)).toString("base64")}"`);
    await call("POST", "/authn/test/admin/authenticate", key, { ...text, "accept-encoding": "base64" });
    await call("POST", "/authn/test/admin/authenticate", "x".repeat(60), text);
    await call("GET", "/authn/test/login", undefined, {
      authorization: `Basic ${Buffer.from(`admin:${key}`).toString("base64")}`,
    });
    const policy =
      "- !variable a b\n- !host h\n- !host j\n- !variable c\n- !policy\n  id: conjur/authn-jwt/ci\n  body:\n  - !webservice\n  - !variable issuer";
    await call("POST", "/policies/test/policy/root", policy, { "content-type": "application/x-yaml" });
    await call("PATCH", "/policies/test/policy/root", "- !nonsense", { "content-type": "application/x-yaml" });
    server.seed("conjur/authn-jwt/ci/issuer", "https://ci.example");
    const jwt = await authority.mint({ iss: "https://ci.example" });
    await call("POST", "/authn-jwt/ci/test/host%2Fh/authenticate", `jwt=${jwt}`, {
      "content-type": "application/x-www-form-urlencoded",
    });
    const bytes = { "content-type": "application/octet-stream" };
    await call("POST", "/secrets/test/variable/a%20b", "1", bytes);
    await call("POST", "/secrets/test/variable/missing", "1", bytes);
    await call("GET", "/secrets/test/variable/a%20b", undefined, { "accept-encoding": "gzip, deflate" });
    await call("GET", "/secrets/test/variable/a%20b?version=1");
    await call("GET", "/secrets/test/variable/c");
    await call("GET", "/secrets?variable_ids=test:variable:a%20b", undefined, { "accept-encoding": "gzip" });
    await call("GET", "/secrets?variable_ids=test:variable:a%20b", undefined, { "accept-encoding": "base64" });
    await call("GET", "/resources/test?limit=10");
    await call("GET", "/resources/test/variable?count=true");
    await call("GET", "/resources/test/variable/a%20b");
    await call("GET", "/resources/test/webservice/conjur%2Fauthn-jwt%2Fci");
    await call("PUT", "/authn/test/api_key?role=host:h");
    await call("PUT", "/authn/test/api_key?role=policy:root");
    await call("GET", "/whoami");
    await server.close();
    return server.requests;
  },
};

/** Copies of an exchange that are wrong in one place each. */
function spoil({ request, answer }: Exchange): Exchange[] {
  if (answer === undefined) return [];
  const spoilt: Exchange[] = [
    { request: { ...request, query: new URLSearchParams([...request.query, ["invented", "1"]]) }, answer },
  ];
  spoilt.push({ request: { ...request, path: `${request.path}/invented/place` }, answer });
  if (request.body.length > 0)
    spoilt.push({ request: { ...request, headers: { ...request.headers, "content-type": "text/invented" } }, answer });
  if (/json/.test(request.headers["content-type"] ?? "")) {
    const body = Buffer.from(JSON.stringify({ ...JSON.parse(request.body.toString()), invented: 1 }));
    spoilt.push({ request: { ...request, body }, answer });
  }
  if (/json/.test(answer.headers?.["content-type"] ?? "") && answer.status < 300) {
    spoilt.push({ request, answer: { ...answer, body: JSON.stringify({ ...JSON.parse(String(answer.body)), invented: 1 }) } });
    spoilt.push({ request, answer: { ...answer, body: '"not what it was"' } });
  }
  return spoilt;
}

describe.each(["azure", "google", "conjur"] as const)("the vendor's description of %s", (vendor) => {
  const data = vendorData(vendor);

  it("fits every exchange, needs each of its corrections, and catches what is spoilt", async (context) => {
    if ("missing" in data) return context.skip(data.missing);
    const exchanges = await tours[vendor]();
    const check = buildCheck(vendor, data.document);
    expect(exchanges.flatMap(check)).toEqual([]);

    for (const left of corrections[vendor]) {
      const without = buildCheck(
        vendor,
        data.document,
        corrections[vendor].filter((entry) => entry !== left),
      );
      expect(exchanges.flatMap(without), `this correction corrects nothing: ${left.what}`).not.toEqual([]);
    }

    const spoilt = exchanges.flatMap(spoil);
    const caught = spoilt.filter((exchange) => check(exchange).length > 0).length;
    console.log(
      `${vendor}: ${exchanges.length} exchanges as described, ${corrections[vendor].length} corrections needed, ${caught} of ${spoilt.length} spoilt ones caught`,
    );
    // Conjur describes a batch of values as any object.
    expect(spoilt.length - caught).toBeLessThanOrEqual(vendor === "conjur" ? 4 : 0);
  });
});

describe("where the descriptions are", () => {
  it("is told by KEYHOLD_VENDOR_DATA; without them the check is skipped with a reason, and in CI it fails", () => {
    const { KEYHOLD_VENDOR_DATA: folder, CI } = process.env;
    try {
      process.env.KEYHOLD_VENDOR_DATA = "/nowhere";
      process.env.CI = "";
      expect(vendorData("azure")).toEqual({ missing: expect.stringContaining("not at hand") });
      process.env.CI = "true";
      expect(() => vendorData("azure")).toThrow(/must be at hand in CI/);
    } finally {
      for (const [name, value] of Object.entries({ KEYHOLD_VENDOR_DATA: folder, CI })) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    }
  });
});
