import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startTokenServer, type TokenServer } from "../oidc/start-token-server.ts";
import { type Received, type SendOptions, send } from "../send.ts";
import { crc32c } from "./crc32c.ts";
import { type GoogleServer, googleToken, startGoogle } from "./start-google.ts";

let tokens: TokenServer;
let server: GoogleServer;
let now = Date.now();
const clock = { now: () => now };

beforeAll(async () => {
  tokens = await startTokenServer({ clock, lifetimeS: 100 * 24 * 3600 });
  server = await startGoogle({ tokens, clock });
});
afterAll(async () => {
  await server.close();
  await tokens.close();
});
afterEach(() => {
  expect(server.violations).toEqual([]);
});

const project = "/v1/projects/test-project";
const byNumber = "projects/123456789012";

async function call(
  method: string,
  path: string,
  body?: object,
  options: SendOptions & { token?: string } = {},
): Promise<Received> {
  const authorization = `Bearer ${options.token ?? (await googleToken(tokens))}`;
  return send(server, method, path, {
    headers: { authorization, ...(body && { "content-type": "application/json" }), ...options.headers },
    ...(body && { body: JSON.stringify(body) }),
  });
}
const status = (answer: Received) => [answer.status, answer.json().error?.status];
const base64 = (text: string) => Buffer.from(text).toString("base64");
const create = (id: string, secret: object = {}) =>
  call("POST", `${project}/secrets?secretId=${id}`, { replication: { automatic: {} }, ...secret });
const add = (id: string, text: string, more: object = {}) =>
  call("POST", `${project}/secrets/${id}:addVersion`, { payload: { data: base64(text), ...more } });
const version = (id: string, number: number | string, verb = "") => `${project}/secrets/${id}/versions/${number}${verb}`;

describe("who may ask", () => {
  it("answers a request without a token with 401 UNAUTHENTICATED", async () => {
    const answer = await send(server, "GET", `${project}/secrets/a`);
    expect(status(answer)).toEqual([401, "UNAUTHENTICATED"]);
  });

  const wrongTokens: Record<string, () => Promise<string>> = {
    "signed by another key": () => tokens.authority.forge({ iss: tokens.issuer, aud: "https://secretmanager.googleapis.com/" }),
    "for another audience": () => googleToken(tokens, "a@b", { aud: "https://storage.googleapis.com/" }),
    "that has expired": () => googleToken(tokens, "a@b", { exp: Math.floor(now / 1000) - 1 }),
  };
  it.each(Object.keys(wrongTokens))("refuses a token %s", async (name) => {
    expect(status(await call("GET", `${project}/secrets/a`, undefined, { token: await wrongTokens[name]!() }))).toEqual([
      401,
      "UNAUTHENTICATED",
    ]);
  });

  it("refuses a token without the scope with 403", async () => {
    const token = await googleToken(tokens, "a@b", { scope: "email" });
    expect(status(await call("GET", `${project}/secrets/a`, undefined, { token }))).toEqual([403, "PERMISSION_DENIED"]);
  });

  it("answers 404 for what is missing to one who may look, and 403 to one who may not, whether it is there or not", async () => {
    server.seed("guarded", "1");
    server.restrict("reader@x", ["secretmanager.versions.get"]);
    const token = await googleToken(tokens, "reader@x");
    expect(status(await call("GET", version("missing", 1), undefined, { token }))).toEqual([404, "NOT_FOUND"]);
    for (const id of ["guarded", "missing"]) {
      expect(status(await call("GET", version(id, 1, ":access"), undefined, { token }))).toEqual([403, "PERMISSION_DENIED"]);
    }
  });

  it("answers 403 for a project that is not one's own", async () => {
    expect(status(await call("GET", "/v1/projects/other/secrets/a"))).toEqual([403, "PERMISSION_DENIED"]);
  });
});

describe("secrets", () => {
  it("names the project by its number though asked by its id", async () => {
    expect((await create("named")).json().name).toBe(`${byNumber}/secrets/named`);
  });

  it("answers 409 ALREADY_EXISTS for an id in use", async () => {
    await create("twice");
    expect(status(await create("twice"))).toEqual([409, "ALREADY_EXISTS"]);
  });

  it("takes ids of up to 255 letters, digits, - and _", async () => {
    expect((await create(`A-_9${"a".repeat(251)}`)).status).toBe(200);
    for (const id of ["a".repeat(256), "a.b", "a%20b"]) expect(status(await create(id))).toEqual([400, "INVALID_ARGUMENT"]);
  });

  it("demands a replication for global secrets and none for regional ones", async () => {
    expect(status(await call("POST", `${project}/secrets?secretId=bare`, {}))).toEqual([400, "INVALID_ARGUMENT"]);
    const regional = await call("POST", `${project}/locations/europe-west1/secrets?secretId=regional`, { labels: { a: "b" } });
    expect(regional.json()).toMatchObject({ name: `${byNumber}/locations/europe-west1/secrets/regional`, labels: { a: "b" } });
    expect((await call("GET", `${project}/secrets/regional`)).status).toBe(404);
  });

  it("keeps labels, annotations and aliases, and changes those that the mask names", async () => {
    await create("described", { labels: { team: "ml" }, annotations: { note: "keep me" } });
    await add("described", "1");
    const update = (mask: string, body: object) => call("PATCH", `${project}/secrets/described?updateMask=${mask}`, body);
    const changed = (await update("labels,versionAliases", { labels: {}, versionAliases: { stable: "1" } })).json();
    expect(changed).toMatchObject({ annotations: { note: "keep me" }, versionAliases: { stable: "1" } });
    expect(changed.labels).toEqual({});
    expect((await call("GET", version("described", "stable", ":access"))).json().name).toBe(
      `${byNumber}/secrets/described/versions/1`,
    );
    expect(status(await update("versionAliases", { versionAliases: { next: "2" } }))).toEqual([400, "INVALID_ARGUMENT"]);
    expect(status(await update("", {}))).toEqual([400, "INVALID_ARGUMENT"]);
    server.violations.length = 0; // The description knows no empty mask.
  });

  it("refuses annotations of 16 KiB", async () => {
    expect(status(await create("annotated", { annotations: { a: "x".repeat(16 * 1024) } }))).toEqual([400, "INVALID_ARGUMENT"]);
    expect((await create("annotated", { annotations: { a: "x".repeat(16 * 1024 - 2) } })).status).toBe(200);
  });

  it("turns a ttl into an expireTime, and forgets the secret then", async () => {
    const answer = (await create("short", { ttl: "60s" })).json();
    expect(Date.parse(answer.expireTime)).toBe(now + 60_000);
    expect(answer).not.toHaveProperty("ttl");
    now += 60_000;
    expect((await call("GET", `${project}/secrets/short`)).status).toBe(404);
  });

  it("deletes with 200 and an empty object", async () => {
    await create("deleted");
    const answer = await call("DELETE", `${project}/secrets/deleted`);
    expect([answer.status, answer.json()]).toEqual([200, {}]);
    expect((await call("GET", `${project}/secrets/deleted`)).status).toBe(404);
  });
});

describe("versions", () => {
  it("counts from 1, and latest is the newest", async () => {
    await create("counted");
    expect((await add("counted", "one")).json().name).toMatch(/\/versions\/1$/);
    await add("counted", "two");
    const answer = (await call("GET", version("counted", "latest", ":access"))).json();
    expect(answer).toMatchObject({ name: `${byNumber}/secrets/counted/versions/2`, payload: { data: base64("two") } });
  });

  it.each(["disable", "destroy"])(
    "gives 400 FAILED_PRECONDITION for latest after %s: nothing older takes its place",
    async (verb) => {
      await create(`latest-${verb}`);
      await add(`latest-${verb}`, "one");
      await add(`latest-${verb}`, "two");
      await call("POST", version(`latest-${verb}`, 2, `:${verb}`), {});
      expect(status(await call("GET", version(`latest-${verb}`, "latest", ":access")))).toEqual([400, "FAILED_PRECONDITION"]);
      expect((await call("GET", version(`latest-${verb}`, 1, ":access"))).status).toBe(200);
    },
  );

  it("answers 404 for latest of a secret without versions", async () => {
    await create("hollow");
    expect(status(await call("GET", version("hollow", "latest", ":access")))).toEqual([404, "NOT_FOUND"]);
  });

  it("sends the CRC32C as a decimal string though the writer sent none", async () => {
    expect(crc32c(Buffer.from("123456789"))).toBe(3808858755);
    await create("summed");
    expect((await add("summed", "123456789")).json()).not.toHaveProperty("clientSpecifiedPayloadChecksum");
    expect((await call("GET", version("summed", 1, ":access"))).json().payload.dataCrc32c).toBe("3808858755");
  });

  it("verifies the CRC32C of a writer that sends one", async () => {
    await create("verified");
    expect((await add("verified", "123456789", { dataCrc32c: "3808858755" })).json().clientSpecifiedPayloadChecksum).toBe(true);
    expect(status(await add("verified", "123456789", { dataCrc32c: "1" }))).toEqual([400, "INVALID_ARGUMENT"]);
  });

  it("takes an empty payload, one of 64 KiB, and not a byte more", async () => {
    await create("sized");
    expect((await add("sized", "")).status).toBe(200);
    expect((await call("GET", version("sized", 1, ":access"))).json().payload).toEqual({ data: "", dataCrc32c: "0" });
    expect((await add("sized", "a".repeat(64 * 1024))).status).toBe(200);
    expect(status(await add("sized", "a".repeat(64 * 1024 + 1)))).toEqual([400, "INVALID_ARGUMENT"]);
  });

  it("has etags with quotes inside, which change even when nothing else does, and guards by them", async () => {
    await create("guarded-etag");
    const { etag } = (await add("guarded-etag", "1")).json();
    expect(etag).toMatch(/^"[0-9a-f]+"$/);
    const enabled = (await call("POST", version("guarded-etag", 1, ":enable"), { etag })).json();
    expect(enabled.etag).not.toBe(etag);
    expect(status(await call("POST", version("guarded-etag", 1, ":disable"), { etag }))).toEqual([400, "FAILED_PRECONDITION"]);
    expect(status(await call("DELETE", `${project}/secrets/guarded-etag?etag=${encodeURIComponent('"0"')}`))).toEqual([
      400,
      "FAILED_PRECONDITION",
    ]);
  });

  it("never leaves DESTROYED", async () => {
    await create("destroyed");
    await add("destroyed", "1");
    expect((await call("POST", version("destroyed", 1, ":destroy"), {})).json()).toMatchObject({
      state: "DESTROYED",
      destroyTime: expect.any(String),
    });
    expect(status(await call("POST", version("destroyed", 1, ":enable"), {}))).toEqual([400, "FAILED_PRECONDITION"]);
  });

  it("changes states by number only", async () => {
    await create("numbered");
    await add("numbered", "1");
    expect(status(await call("POST", version("numbered", "latest", ":disable"), {}))).toEqual([400, "INVALID_ARGUMENT"]);
  });
});

describe("lists", () => {
  it("lists versions newest first, in pages", async () => {
    await create("paged");
    for (const text of ["1", "2", "3"]) await add("paged", text);
    const path = `${project}/secrets/paged/versions?pageSize=2`;
    const first = (await call("GET", path)).json();
    expect(first.versions.map(({ name }: any) => name.split("/").at(-1))).toEqual(["3", "2"]);
    expect(first.totalSize).toBe(3);
    const second = (await call("GET", `${path}&pageToken=${first.nextPageToken}`)).json();
    expect(second.versions.map(({ name }: any) => name.split("/").at(-1))).toEqual(["1"]);
    expect(second).not.toHaveProperty("nextPageToken");
  });

  it("refuses a page token that it did not give for this list", async () => {
    expect(status(await call("GET", `${project}/secrets?pageToken=made-up`))).toEqual([400, "INVALID_ARGUMENT"]);
  });

  it("filters secrets by name and label", async () => {
    await create("filter-a", { labels: { kind: "filtered" } });
    await create("filter-b");
    const named = (await call("GET", `${project}/secrets?filter=${encodeURIComponent("name:filter-")}`)).json();
    expect(named.secrets).toHaveLength(2);
    const labelled = (await call("GET", `${project}/secrets?filter=${encodeURIComponent("labels.kind=filtered")}`)).json();
    expect(labelled.secrets).toMatchObject([{ name: `${byNumber}/secrets/filter-a` }]);
  });

  it("lists none as an empty object", async () => {
    expect((await call("GET", `${project}/locations/nowhere/secrets`)).json()).toEqual({});
  });
});

describe("what a client must not do", () => {
  const wrong: Record<string, () => Promise<Received>> = {
    "add a parameter that is not known": () => call("GET", `${project}/secrets/a?color=red`),
    "send a field that is not known": () => create("a", { color: "red" }),
    "send a field of the payload that is not known": () => add("a", "1", { crc: "1" }),
    "send a body that is not declared as JSON": () =>
      call("POST", version("a", 1, ":enable"), {}, { headers: { "content-type": "text/plain" } }),
    "send a body where none belongs": () => call("GET", `${project}/secrets/a`, { a: 1 }),
    "call what is no operation": () => call("PUT", `${project}/secrets/a`, {}),
  };
  it.each(Object.keys(wrong))("%s: an error for it, and a violation for us", async (name) => {
    const answer = await wrong[name]!();
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect(server.violations).toHaveLength(1);
    server.violations.length = 0;
  });
});

describe("faults", () => {
  it("can spoil the checksum of an answer", async () => {
    server.seed("spoilt", "123456789");
    server.faults.next({ kind: "wrong-crc" }, { match: /:access$/ });
    const { payload } = (await call("GET", version("spoilt", 1, ":access"))).json();
    expect(payload).toMatchObject({ data: base64("123456789") });
    expect(payload.dataCrc32c).not.toBe("3808858755");
  });
});
