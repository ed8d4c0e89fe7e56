import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startTokenServer, type TokenServer, testClient } from "../oidc/start-token-server.ts";
import { type Received, type SendOptions, send } from "../send.ts";
import { type AzureOptions, type AzureServer, startAzure } from "./start-azure.ts";

let tokens: TokenServer;
let server: AzureServer;
let now = Date.now();
const clock = { now: () => now };

beforeAll(async () => {
  tokens = await startTokenServer({ clock });
  server = await startAzure({ tokens, clock, deletingMs: 5_000, recoveringMs: 1_000 });
});
afterAll(async () => {
  await server.close();
  await tokens.close();
});
afterEach(() => {
  expect(server.violations).toEqual([]);
});

const version = "api-version=2025-07-01";

async function call(
  method: string,
  path: string,
  body?: object,
  options: SendOptions & { token?: string; to?: AzureServer } = {},
): Promise<Received> {
  const authorization = `Bearer ${options.token ?? (await tokens.mint())}`;
  return send(options.to ?? server, method, path.includes("?") ? path : `${path}?${version}`, {
    headers: { authorization, ...(body && { "content-type": "application/json" }), ...options.headers },
    ...(body && { body: JSON.stringify(body) }),
  });
}

/** Runs with a server of its own, and checks and closes it. */
async function withServer(options: Partial<AzureOptions>, run: (own: AzureServer) => Promise<void>): Promise<void> {
  const own = await startAzure({ tokens, clock, ...options });
  try {
    await run(own);
    expect(own.violations).toEqual([]);
  } finally {
    await own.close();
  }
}

describe("who may ask", () => {
  it("answers a request without a token with 401, a challenge that names the tenant, and AKV10000", async () => {
    const answer = await send(server, "GET", `/secrets/a?${version}`);
    expect(answer.status).toBe(401);
    expect(answer.headers["www-authenticate"]).toBe(
      `Bearer authorization="${tokens.url}/${tokens.tenant}", resource="https://vault.azure.net"`,
    );
    expect(answer.json().error).toMatchObject({ code: "Unauthorized", message: expect.stringContaining("AKV10000") });
  });

  const wrongTokens: Record<string, () => Promise<string>> = {
    "signed by another key": () =>
      tokens.authority.forge({ iss: tokens.issuer, aud: "https://vault.azure.net", tid: tokens.tenant }),
    "for another audience": () => tokens.mint({ aud: "https://management.azure.com" }),
    "that has expired": () => tokens.mint({ exp: Math.floor(now / 1000) - 1 }),
    "of another tenant": () => tokens.mint({ tid: "11111111-2222-3333-4444-555555555555" }),
    "of another issuer": () => tokens.mint({ iss: "https://sts.example/" }),
    "that is no JWT": async () => "opaque",
  };
  it.each(Object.keys(wrongTokens))("refuses a token %s", async (name) => {
    const answer = await call("GET", "/secrets/a", undefined, { token: await wrongTokens[name]!() });
    expect(answer.status).toBe(401);
    expect(answer.headers["www-authenticate"]).toContain("Bearer authorization=");
  });

  it("answers 403 to an application that may not do this", async () => {
    await withServer({}, async (own) => {
      own.seed("a", "1");
      own.restrict(testClient.clientId, ["list"]);
      const answer = await call("GET", "/secrets/a", undefined, { to: own });
      expect(answer.status).toBe(403);
      expect(answer.json().error).toMatchObject({ code: "Forbidden", innererror: { code: "ForbiddenByRbac" } });
      expect((await call("GET", "/secrets", undefined, { to: own })).status).toBe(200);
    });
  });
});

describe("reading and writing", () => {
  it("gives a version of 32 hex digits and reads it back, newest and by version", async () => {
    const first = (await call("PUT", "/secrets/versions", { value: "one" })).json();
    const second = (await call("PUT", "/secrets/versions", { value: "two" })).json();
    expect(first.id).toMatch(/^https:\/\/127\.0\.0\.1:\d+\/secrets\/versions\/[0-9a-f]{32}$/);
    expect((await call("GET", "/secrets/versions")).json()).toMatchObject({ value: "two", id: second.id });
    expect((await call("GET", "/secrets/versions/")).json().value).toBe("two");
    expect((await call("GET", new URL(first.id).pathname)).json().value).toBe("one");
  });

  it("answers 404 SecretNotFound for a missing secret and a missing version", async () => {
    server.seed("there", "1");
    for (const path of ["/secrets/missing", `/secrets/there/${"0".repeat(32)}`]) {
      const answer = await call("GET", path);
      expect(answer.status).toBe(404);
      expect(answer.json().error.code).toBe("SecretNotFound");
    }
  });

  it("answers 403 Forbidden, SecretDisabled, for a disabled secret", async () => {
    server.seed("disabled", "1", { attributes: { enabled: false } });
    const answer = await call("GET", "/secrets/disabled");
    expect(answer.status).toBe(403);
    expect(answer.json().error).toMatchObject({ code: "Forbidden", innererror: { code: "SecretDisabled" } });
  });

  it("still gives out an expired secret and one that is not valid yet, with 200", async () => {
    const seconds = Math.floor(now / 1000);
    server.seed("expired", "old", { attributes: { exp: seconds - 60 } });
    server.seed("early", "new", { attributes: { nbf: seconds + 60 } });
    expect((await call("GET", "/secrets/expired")).json()).toMatchObject({ value: "old", attributes: { exp: seconds - 60 } });
    expect((await call("GET", "/secrets/early")).json()).toMatchObject({ value: "new", attributes: { nbf: seconds + 60 } });
  });

  it("accepts an empty value", async () => {
    expect((await call("PUT", "/secrets/empty", { value: "" })).status).toBe(200);
    expect((await call("GET", "/secrets/empty")).json().value).toBe("");
  });

  it("takes names without regard to case", async () => {
    server.seed("MixedCase", "1");
    expect((await call("GET", "/secrets/mixedcase")).json().value).toBe("1");
  });

  it.each(["under_score", "dot.ted", "a".repeat(128), "sp%20ace"])("refuses the name %s", async (name) => {
    const answer = await call("PUT", `/secrets/${name}`, { value: "1" });
    expect(answer.status).toBe(400);
    expect(answer.json().error.code).toBe("BadParameter");
    server.violations.length = 0; // The description refuses some of them too.
  });

  it("takes 25 KB and not a byte more, 15 tags and not 16", async () => {
    const tags = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`t${index}`, "v"]));
    expect((await call("PUT", "/secrets/large", { value: "a".repeat(25 * 1024) })).status).toBe(200);
    expect((await call("PUT", "/secrets/large", { value: "a".repeat(25 * 1024 + 1) })).status).toBe(400);
    expect((await call("PUT", "/secrets/tags", { value: "1", tags: tags(15) })).status).toBe(200);
    expect((await call("PUT", "/secrets/tags", { value: "1", tags: tags(16) })).status).toBe(400);
  });

  it("keeps content type, tags and attributes, and changes them without giving the value", async () => {
    await call("PUT", "/secrets/changed", {
      value: "1",
      contentType: "text/plain",
      tags: { a: "1" },
      attributes: { enabled: true },
    });
    const answer = (await call("PATCH", "/secrets/changed/", { tags: { b: "2" }, attributes: { enabled: false } })).json();
    expect(answer).toMatchObject({ contentType: "text/plain", tags: { b: "2" }, attributes: { enabled: false } });
    expect(answer).not.toHaveProperty("value");
    expect(answer.tags).not.toHaveProperty("a");
  });

  it("says how deleted secrets can be recovered", async () => {
    expect((await call("PUT", "/secrets/level", { value: "1" })).json().attributes).toMatchObject({
      recoveryLevel: "Recoverable+Purgeable",
      recoverableDays: 90,
    });
  });

  it("answers 429 with Retry-After beyond the limit of reads in ten seconds", async () => {
    await withServer({ readsInTenSeconds: 2 }, async (own) => {
      own.seed("a", "1");
      for (let read = 0; read < 2; read += 1) expect((await call("GET", "/secrets/a", undefined, { to: own })).status).toBe(200);
      const answer = await call("GET", "/secrets/a", undefined, { to: own });
      expect(answer.status).toBe(429);
      expect(Number(answer.headers["retry-after"])).toBeGreaterThan(0);
      now += 10_001;
      expect((await call("GET", "/secrets/a", undefined, { to: own })).status).toBe(200);
    });
  });
});

describe("lists", () => {
  it("pages with absolute links that name the port, without values, and ends with nextLink null", async () => {
    await withServer({}, async (own) => {
      for (const name of ["a", "b", "c"]) own.seed(name, `value of ${name}`);
      const first = (await call("GET", `/secrets?${version}&maxresults=2`, undefined, { to: own })).json();
      expect(first.value.map(({ id }: any) => id)).toEqual([`${own.url}/secrets/a`, `${own.url}/secrets/b`]);
      expect(first.value[0]).not.toHaveProperty("value");
      const next = new URL(first.nextLink);
      expect(next.port).toBe(String(own.port));
      expect(next.searchParams.get("$skiptoken")).toBeTruthy();
      const second = (await call("GET", next.pathname + next.search, undefined, { to: own })).json();
      expect(second).toMatchObject({ value: [{ id: `${own.url}/secrets/c` }], nextLink: null });
    });
  });

  it("lists the versions of an unknown secret as none", async () => {
    const answer = await call("GET", "/secrets/unknown/versions");
    expect([answer.status, answer.json()]).toEqual([200, { value: [], nextLink: null }]);
  });

  it("lists versions without values", async () => {
    const bundles = [server.seed("listed", "1"), server.seed("listed", "2")] as { id: string }[];
    const { value } = (await call("GET", "/secrets/listed/versions")).json();
    expect(value.map(({ id }: any) => id).sort()).toEqual(bundles.map(({ id }) => id).sort());
    expect(value[0]).not.toHaveProperty("value");
  });

  it("may begin a list of deleted secrets with an empty page that has a next one", async () => {
    await withServer({ deletingMs: 0 }, async (own) => {
      own.seed("gone", "1");
      await call("DELETE", "/secrets/gone", undefined, { to: own });
      const first = (await call("GET", "/deletedsecrets", undefined, { to: own })).json();
      expect(first.value).toEqual([]);
      const next = new URL(first.nextLink);
      const second = (await call("GET", next.pathname + next.search, undefined, { to: own })).json();
      expect(second).toMatchObject({
        value: [{ id: `${own.url}/secrets/gone`, recoveryId: `${own.url}/deletedsecrets/gone` }],
        nextLink: null,
      });
    });
  });
});

describe("deletion", () => {
  it("answers at once, is not seen in either list for a while, then can be read as deleted", async () => {
    server.seed("deleted", "1");
    const answer = (await call("DELETE", "/secrets/deleted")).json();
    expect(answer).toMatchObject({ recoveryId: `${server.url}/deletedsecrets/deleted` });
    expect(answer.scheduledPurgeDate - answer.deletedDate).toBe(90 * 24 * 60 * 60);
    expect(answer).not.toHaveProperty("value");
    expect((await call("GET", "/secrets/deleted")).status).toBe(404);
    const early = await call("GET", "/deletedsecrets/deleted");
    expect([early.status, early.json().error.message]).toEqual([404, "Deleted Secret not found: deleted"]);
    now += 5_000;
    expect((await call("GET", "/deletedsecrets/deleted")).status).toBe(200);
  });

  it("refuses the name with 409: ObjectIsBeingDeleted, then ObjectIsDeletedButRecoverable", async () => {
    server.seed("reused", "1");
    await call("DELETE", "/secrets/reused");
    const inner = async () => {
      const answer = await call("PUT", "/secrets/reused", { value: "2" });
      return [answer.status, answer.json().error.code, answer.json().error.innererror.code];
    };
    expect(await inner()).toEqual([409, "Conflict", "ObjectIsBeingDeleted"]);
    now += 5_000;
    expect(await inner()).toEqual([409, "Conflict", "ObjectIsDeletedButRecoverable"]);
  });

  it("recovers a secret, which is readable a little later", async () => {
    server.seed("recovered", "1");
    await call("DELETE", "/secrets/recovered");
    expect((await call("POST", "/deletedsecrets/recovered/recover")).status).toBe(409);
    now += 5_000;
    const answer = await call("POST", "/deletedsecrets/recovered/recover");
    expect([answer.status, answer.json().value]).toEqual([200, undefined]);
    expect((await call("GET", "/secrets/recovered")).status).toBe(404);
    now += 1_000;
    expect((await call("GET", "/secrets/recovered")).json().value).toBe("1");
  });

  it("purges with 204 once it is deleted, and frees the name", async () => {
    server.seed("purged", "1");
    await call("DELETE", "/secrets/purged");
    expect((await call("DELETE", "/deletedsecrets/purged")).json().error.innererror.code).toBe("ObjectIsBeingDeleted");
    now += 5_000;
    expect((await call("DELETE", "/deletedsecrets/purged")).status).toBe(204);
    expect((await call("GET", "/deletedsecrets/purged")).status).toBe(404);
    expect((await call("PUT", "/secrets/purged", { value: "2" })).status).toBe(200);
  });

  it("refuses to purge under purge protection, and says so in the recovery level", async () => {
    await withServer({ purgeProtection: true, retentionDays: 7, deletingMs: 0 }, async (own) => {
      own.seed("kept", "1");
      const answer = (await call("DELETE", "/secrets/kept", undefined, { to: own })).json();
      expect(answer.attributes).toMatchObject({ recoveryLevel: "CustomizedRecoverable", recoverableDays: 7 });
      expect((await call("DELETE", "/deletedsecrets/kept", undefined, { to: own })).status).toBe(403);
    });
  });

  it("purges by itself when the retention ends", async () => {
    await withServer({ retentionDays: 7, deletingMs: 0 }, async (own) => {
      own.seed("forgotten", "1");
      await call("DELETE", "/secrets/forgotten", undefined, { to: own });
      now += 7 * 24 * 60 * 60 * 1000;
      expect((await call("GET", "/deletedsecrets/forgotten", undefined, { to: own })).status).toBe(404);
    });
  });
});

describe("what a client must not do", () => {
  const wrong: Record<string, () => Promise<Received>> = {
    "leave out api-version": () => call("GET", "/secrets/a?maxresults=1"),
    "ask for an api-version that is not known": () => call("GET", "/secrets/a?api-version=1999-01-01"),
    "add a parameter that is not known": () => call("GET", `/secrets/a?${version}&color=red`),
    "send a property that is not known": () => call("PUT", "/secrets/a", { value: "1", color: "red" }),
    "send no value": () => call("PUT", "/secrets/a", { contentType: "text/plain" }),
    "set a read-only attribute": () => call("PUT", "/secrets/a", { value: "1", attributes: { created: 1 } }),
    "send an attribute of the wrong type": () => call("PUT", "/secrets/a", { value: "1", attributes: { exp: "soon" } }),
    "send a body that is not declared as JSON": () =>
      call("PUT", "/secrets/a", { value: "1" }, { headers: { "content-type": "text/plain" } }),
    "send a body where none belongs": () => call("POST", "/deletedsecrets/a/recover", { value: "1" }),
    "call what is no operation": () => call("POST", "/secrets/a", { value: "1" }),
  };
  it.each(Object.keys(wrong))("%s: an error for it, and a violation for us", async (name) => {
    const answer = await wrong[name]!();
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect(server.violations).toHaveLength(1);
    server.violations.length = 0;
  });
});
