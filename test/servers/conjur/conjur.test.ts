import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Received, type SendOptions, send } from "../send.ts";
import { type ConjurServer, startConjur } from "./start-conjur.ts";

let server: ConjurServer;
let now = Date.now();
const keys: Record<string, string> = {};

beforeAll(async () => {
  server = await startConjur({ clock: { now: () => now } });
  const created = server.seedPolicy(`
- !host reader
- !host stranger
- !host lister
- !user alice
- !policy
  id: app
  body:
    - &variables
      - !variable password
      - !variable other
      - !variable binary
      - !variable unset
      - !variable with space, comma/and%percent:colon
      - !variable { id: text, mime_type: text/plain, annotations: { description: greeting of the house } }
    - !group readers
    - !permit { role: !group readers, privileges: [read, execute], resources: *variables }
    - !permit { role: !host /lister, privileges: read, resources: !variable password }
- !grant { role: !group app/readers, member: !host reader }
- !permit { role: !user alice, privilege: update, resource: !host reader }
`);
  for (const [id, { api_key }] of Object.entries(created)) keys[id] = api_key;
  server.seed("app/password", "first");
  server.seed("app/other", "second");
  server.seed("app/binary", Buffer.from([0, 255, 254]));
});
afterAll(() => server.close());
afterEach(() => {
  expect(server.violations).toEqual([]);
});

const reader = "host/reader";
async function tokenFor(login: string): Promise<string> {
  const key =
    login === "admin"
      ? server.adminApiKey
      : (keys[`test:${login.includes("/") ? login.replace("/", ":") : `user:${login}`}`] ?? "");
  const answer = await send(server, "POST", `/authn/test/${encodeURIComponent(login)}/authenticate`, {
    headers: { "content-type": "text/plain" },
    body: key,
  });
  return `Token token="${Buffer.from(answer.body).toString("base64")}"`;
}
async function call(method: string, path: string, options: SendOptions & { as?: string } = {}): Promise<Received> {
  const authorization = await tokenFor(options.as ?? "admin");
  return send(server, method, path, { ...options, headers: { authorization, ...options.headers } });
}
const variable = (id: string) => `/secrets/test/variable/${encodeURIComponent(id)}`;
const write = (id: string, body: string | Buffer, options: SendOptions & { as?: string } = {}) =>
  call("POST", variable(id), { body, headers: { "content-type": "application/octet-stream" }, ...options });
const batch = (ids: readonly string[], options: SendOptions & { as?: string } = {}) =>
  call("GET", `/secrets?variable_ids=${encodeURIComponent(ids.map((id) => `test:variable:${id}`).join(","))}`, options);
const versionsOf = async (id: string) =>
  (await call("GET", `/resources/test/variable/${encodeURIComponent(id)}`)).json().secrets.map((entry: any) => entry.version);

describe("access tokens", () => {
  it("answers without a token 401 and the text Authorization missing, also for a token without quotes", async () => {
    for (const authorization of ["", (await tokenFor("admin")).replaceAll('"', "")]) {
      const answer = await send(server, "GET", "/whoami", authorization ? { headers: { authorization } } : {});
      expect([answer.status, answer.text]).toEqual([401, "Authorization missing"]);
    }
  });

  it("answers what is no JSON with 401 and the text Malformed authorization token", async () => {
    const answer = await send(server, "GET", "/whoami", { headers: { authorization: 'Token token="AAAA"' } });
    expect([answer.status, answer.text]).toEqual([401, "Malformed authorization token"]);
  });

  it("refuses a token that was changed, and one of another server", async () => {
    const other = await startConjur();
    const body = other.adminApiKey;
    const foreign = await send(other, "POST", "/authn/test/admin/authenticate", {
      body,
      headers: { "content-type": "text/plain" },
    });
    const own = JSON.parse(Buffer.from((await tokenFor(reader)).slice(13, -1), "base64").toString());
    const payload = Buffer.from(JSON.stringify({ sub: "admin", iat: 0, exp: 9e9 })).toString("base64url");
    for (const token of [foreign.json(), { ...own, payload }]) {
      const authorization = `Token token="${Buffer.from(JSON.stringify(token)).toString("base64")}"`;
      expect((await send(server, "GET", "/whoami", { headers: { authorization } })).status).toBe(401);
    }
    await other.close();
  });

  it("live eight minutes, as their payload says", async () => {
    const authorization = await tokenFor("admin");
    const token = JSON.parse(Buffer.from(authorization.slice(13, -1), "base64").toString());
    const payload = JSON.parse(Buffer.from(token.payload, "base64url").toString());
    expect(payload).toEqual({ sub: "admin", iat: expect.any(Number), exp: payload.iat + 480 });
    now += 479_000;
    expect((await send(server, "GET", "/whoami", { headers: { authorization } })).json()).toMatchObject({
      account: "test",
      username: "admin",
    });
    now += 1_000;
    expect((await send(server, "GET", "/whoami", { headers: { authorization } })).status).toBe(401);
  });

  it("come as JSON, or as base64 text when that is accepted", async () => {
    const ask = (headers: Record<string, string>) =>
      send(server, "POST", "/authn/test/admin/authenticate", {
        body: server.adminApiKey,
        headers: { "content-type": "text/plain", ...headers },
      });
    const plain = await ask({});
    expect(plain.headers["content-type"]).toMatch(/^application\/json/);
    expect(Object.keys(plain.json())).toEqual(["protected", "payload", "signature"]);
    const encoded = await ask({ "accept-encoding": "base64" });
    expect([encoded.headers["content-encoding"], encoded.headers["content-type"]]).toEqual([
      "base64",
      "text/plain; charset=utf-8",
    ]);
    expect(Object.keys(JSON.parse(Buffer.from(encoded.text, "base64").toString()))).toEqual([
      "protected",
      "payload",
      "signature",
    ]);
  });

  it("are refused with an empty 401 for a wrong key", async () => {
    const answer = await send(server, "POST", "/authn/test/admin/authenticate", {
      body: "wrong",
      headers: { "content-type": "text/plain" },
    });
    expect([answer.status, answer.text]).toEqual([401, ""]);
    server.violations.length = 0;
  });

  it("login gives the API key for Basic credentials", async () => {
    const basic = (key: string) => ({ headers: { authorization: `Basic ${Buffer.from(`admin:${key}`).toString("base64")}` } });
    const answer = await send(server, "GET", "/authn/test/login", basic(server.adminApiKey));
    expect([answer.status, answer.text]).toEqual([200, server.adminApiKey]);
    expect((await send(server, "GET", "/authn/test/login", basic("wrong"))).status).toBe(401);
  });
});

describe("reading", () => {
  it("gives the bytes as application/octet-stream, or as the mime_type annotation says", async () => {
    const answer = await call("GET", variable("app/binary"), { as: reader });
    expect([answer.headers["content-type"], [...answer.body]]).toEqual(["application/octet-stream", [0, 255, 254]]);
    server.seed("app/text", "hello");
    expect((await call("GET", variable("app/text"))).headers["content-type"]).toBe("text/plain");
  });

  it("answers 404 with CONJ00076E alike for missing, without value, an absent version and not visible", async () => {
    const answers = [
      await call("GET", variable("app/missing"), { as: reader }),
      await call("GET", variable("app/unset"), { as: reader }),
      await call("GET", `${variable("app/password")}?version=99`, { as: reader }),
      await call("GET", variable("app/password"), { as: "host/stranger" }),
    ];
    for (const answer of answers) {
      expect(answer.status).toBe(404);
      expect(answer.json().error).toMatchObject({
        code: "not_found",
        message: expect.stringMatching(/^CONJ00076E Variable test:variable:app\/\w+ /),
      });
    }
  });

  it("answers an empty 403 for what is visible but not readable", async () => {
    const answer = await call("GET", variable("app/password"), { as: "host/lister" });
    expect([answer.status, answer.text]).toEqual([403, ""]);
  });

  it("takes ids with spaces, commas, slashes, percent signs and colons, encoded", async () => {
    const id = "app/with space, comma/and%percent:colon";
    expect((await write(id, "strange")).status).toBe(201);
    expect((await call("GET", variable(id), { as: reader })).text).toBe("strange");
  });

  it("answers 422 for a version that is no number", async () => {
    expect((await call("GET", `${variable("app/password")}?version=one`)).status).toBe(422);
    server.violations.length = 0; // The description refuses it too.
  });
});

describe("writing", () => {
  it("adds versions, keeps twenty, and makes none for the same value", async () => {
    for (let index = 1; index <= 22; index += 1) await write("app/other", `value ${index}`);
    expect((await write("app/other", "value 22")).status).toBe(201);
    const versions = await versionsOf("app/other");
    expect(versions).toHaveLength(20);
    expect(versions.at(-1)).toBe(23);
    expect((await call("GET", `${variable("app/other")}?version=22`)).text).toBe("value 21");
    expect((await call("GET", `${variable("app/other")}?version=3`)).status).toBe(404);
  });

  it.each(["", " ", "\n\t "])("refuses the blank value %j with 422", async (value) => {
    const answer = await write("app/password", value);
    expect([answer.status, answer.json().error.code]).toEqual([422, "argument_error"]);
  });

  it("expires instead of writing when ?expirations is there", async () => {
    const before = await versionsOf("app/password");
    const answer = await call("POST", `${variable("app/password")}?expirations`, {
      body: "lost",
      headers: { "content-type": "application/octet-stream" },
    });
    expect(answer.status).toBe(201);
    expect(await versionsOf("app/password")).toEqual(before);
    expect((await call("GET", variable("app/password"))).text).toBe("first");
  });

  it("answers 404 for a variable that is not there, and 403 for one that may only be read", async () => {
    const missing = await write("app/missing", "x");
    expect([missing.status, missing.json().error]).toMatchObject([
      404,
      { code: "not_found", target: "variable", details: { message: "test:variable:app/missing" } },
    ]);
    expect((await write("app/password", "x", { as: reader })).status).toBe(403);
  });
});

describe("batches", () => {
  it("map ids to values", async () => {
    expect((await batch(["app/password", "app/text"], { as: reader })).json()).toEqual({
      "test:variable:app/password": "first",
      "test:variable:app/text": "hello",
    });
  });

  it("fail whole with 404 that names the first missing one, and with 403 if one is visible but not readable", async () => {
    const missing = await batch(["app/password", "app/nowhere", "app/unset"], { as: reader });
    expect([missing.status, missing.json().error.message]).toEqual([
      404,
      "CONJ00076E Variable test:variable:app/nowhere is empty or not found.",
    ]);
    expect((await batch(["app/password"], { as: "host/lister" })).status).toBe(403);
  });

  it("answer 422 for no ids and for empty ones", async () => {
    for (const query of [
      "",
      "?variable_ids=",
      "?variable_ids=,,",
      "?variable_ids=test:variable:app/password,,test:variable:app/text",
    ]) {
      expect((await call("GET", `/secrets${query}`)).status).toBe(422);
      server.violations.length = 0; // The description wants ids.
    }
  });

  it("answer 406 for a value that is no UTF-8, unless base64 is accepted: MIME, with a line of 60 characters", async () => {
    expect((await batch(["app/binary"])).status).toBe(406);
    server.seed("app/text", "x".repeat(50));
    const answer = await batch(["app/binary", "app/text"], { headers: { "accept-encoding": "base64" } });
    expect(answer.headers["content-encoding"]).toBe("base64");
    const values = answer.json();
    expect(values["test:variable:app/binary"]).toBe("AP/+\n");
    expect(values["test:variable:app/text"]).toMatch(/^.{60}\n.{8}\n$/);
    expect((await batch(["app/binary"], { headers: { "accept-encoding": "gzip, base64" } })).status).toBe(406);
    server.seed("app/text", "hello");
  });

  it("split ids at commas after decoding: one with a comma cannot be asked for", async () => {
    server.seed("app/with space, comma/and%percent:colon", "strange");
    const answer = await batch(["app/with space, comma/and%percent:colon"]);
    expect([answer.status, answer.json().error.message]).toEqual([
      404,
      "CONJ00076E Variable test:variable:app/with space is empty or not found.",
    ]);
  });
});

describe("policies", () => {
  const yaml = (body: string) => ({ body, headers: { "content-type": "application/x-yaml" } });

  it("load with 201, the new actors' keys and a growing version", async () => {
    const first = await call("POST", "/policies/test/policy/app", yaml("- !host worker\n- !variable new"));
    expect(first.status).toBe(201);
    const { created_roles: created, version } = first.json();
    expect(Object.keys(created)).toEqual(["test:host:app/worker"]);
    expect(created["test:host:app/worker"].api_key).toMatch(/^[0-9a-z]{55,}$/);
    expect((await call("POST", "/policies/test/policy/app", yaml("- !variable newer"))).json()).toEqual({
      created_roles: {},
      version: version + 1,
    });
  });

  it("replace with PUT what the policy had, values and all", async () => {
    server.seedPolicy("- !policy replaced");
    await call("POST", "/policies/test/policy/replaced", yaml("- !variable a\n- !variable b"));
    await write("replaced/a", "1");
    expect((await call("PUT", "/policies/test/policy/replaced", yaml("- !variable b"))).status).toBe(201);
    expect((await call("GET", variable("replaced/a"))).status).toBe(404);
    await call("POST", "/policies/test/policy/replaced", yaml("- !variable a"));
    expect((await call("GET", variable("replaced/a"))).status).toBe(404);
  });

  it("delete with PATCH what they name, and not with POST", async () => {
    server.seedPolicy("- !policy pruned");
    await call("POST", "/policies/test/policy/pruned", yaml("- !variable a"));
    const deletion = yaml("- !delete { record: !variable a }");
    expect((await call("POST", "/policies/test/policy/pruned", deletion)).json().error.message).toBe(
      "policy_text may not contain deletion statements",
    );
    expect((await call("PATCH", "/policies/test/policy/pruned", deletion)).status).toBe(201);
    expect((await call("GET", "/resources/test/variable/pruned%2Fa")).status).toBe(404);
  });

  it("are refused whole with 422 when they name what is not there, or are no policy", async () => {
    for (const [body, message] of [
      [
        "- !variable left\n- !permit { role: !user bob, privilege: read, resource: !variable left }",
        "User 'bob@app' not found in account 'test'",
      ],
      ["- !nonsense x", "Unrecognized data type '!nonsense'"],
      ["- [unclosed", "The policy is not YAML."],
    ] as const) {
      const answer = await call("POST", "/policies/test/policy/app", yaml(body));
      expect([answer.status, answer.json().error.message]).toEqual([422, message]);
    }
    expect((await call("GET", "/resources/test/variable/app%2Fleft")).status).toBe(404);
  });

  it("answer 409 with Retry-After while another loads", async () => {
    const answers = await Promise.all([1, 2].map(() => call("PATCH", "/policies/test/policy/app", yaml("- !variable busy"))));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
    const busy = answers.find(({ status }) => status === 409);
    expect([busy?.headers["retry-after"], busy?.json().error.code]).toEqual(["1", "policy_conflict"]);
  });

  it("cannot be loaded by whoever may not: 404 if the policy is not visible, 403 if it is", async () => {
    expect((await call("POST", "/policies/test/policy/app", { ...yaml("- !variable x"), as: "host/stranger" })).status).toBe(404);
    server.seedPolicy("- !permit { role: !host stranger, privilege: read, resource: !policy app }");
    expect((await call("POST", "/policies/test/policy/app", { ...yaml("- !variable x"), as: "host/stranger" })).status).toBe(403);
  });
});

describe("resources", () => {
  const ids = async (query: string, as = "admin") =>
    (await call("GET", `/resources/test${query}`, { as })).json().map(({ id }: any) => id.replace(/^test:/, ""));

  it("list what the role sees, by kind, in the order of ids, and never a value", async () => {
    expect(await ids("/variable", "host/lister")).toEqual(["variable:app/password"]);
    expect(await ids("?kind=user")).toEqual(["user:admin", "user:alice"]);
    expect((await call("GET", "/resources/test/variable")).text).not.toContain("first");
  });

  it("page by offset and limit, and count", async () => {
    const all = await ids("/variable", reader);
    expect(await ids("/variable?offset=1&limit=2", reader)).toEqual(all.slice(1, 3));
    expect((await call("GET", "/resources/test/variable?count=true", { as: reader })).json()).toEqual({ count: all.length });
    for (const limit of ["0", "1001", "x"]) expect((await call("GET", `/resources/test?limit=${limit}`)).status).toBe(422);
    server.violations.length = 0; // The description refuses some of them too.
  });

  it("search whole words of ids and annotations", async () => {
    expect(await ids("?search=password")).toEqual(["variable:app/password"]);
    expect(await ids("?search=house")).toEqual(["variable:app/text"]);
    expect(await ids("?search=pass")).toEqual([]);
  });

  it("tell whether a role has a privilege: 204 or 404", async () => {
    const check = (privilege: string) =>
      call("GET", `/resources/test/variable/app%2Fpassword?check=true&privilege=${privilege}`, { as: reader });
    expect([(await check("execute")).status, (await check("update")).status]).toEqual([204, 404]);
  });
});

describe("API keys", () => {
  const basic = (login: string, key: string) => `Basic ${Buffer.from(`${login}:${key}`).toString("base64")}`;
  const rotate = (authorization: string, role = "") =>
    send(server, "PUT", `/authn/test/api_key${role && `?role=${encodeURIComponent(role)}`}`, { headers: { authorization } });

  it("rotate one's own by one's own, and the old one ends", async () => {
    const old = keys["test:host:stranger"] ?? "";
    const answer = await rotate(basic("host/stranger", old));
    expect(answer.status).toBe(200);
    keys["test:host:stranger"] = answer.text;
    expect((await rotate(basic("host/stranger", old))).status).toBe(401);
  });

  it("rotate another's by a token with update, and not by anything less", async () => {
    expect((await rotate(await tokenFor("alice"), "host:reader")).status).toBe(200);
    expect((await rotate(basic("alice", keys["test:user:alice"] ?? ""), "host:reader")).status).toBe(401);
    expect((await rotate(await tokenFor("alice"))).status).toBe(401);
    expect((await rotate(await tokenFor("alice"), "host:lister")).status).toBe(404);
    expect((await rotate(await tokenFor("admin"), "group:app/readers")).status).toBe(405);
  });
});

describe("what a client must not do", () => {
  const wrong: Record<string, () => Promise<Received>> = {
    "add a parameter that is not known": () => call("GET", `${variable("app/password")}?color=red`),
    "send a secret as a form": () =>
      write("app/password", "x", { headers: { "content-type": "application/x-www-form-urlencoded" } }),
    "send a body without its type": () => call("POST", variable("app/password"), { body: "x" }),
    "send a body where none belongs": () => call("GET", variable("app/password"), { body: "x" }),
    "send an X-Request-Id that is not valid": () => call("GET", "/whoami", { headers: { "x-request-id": "a b" } }),
    "call what is no operation": () => call("DELETE", variable("app/password")),
    "leave an id unencoded": () => call("GET", "/secrets/test/variable/app/password"),
  };
  it.each(Object.keys(wrong))("%s: a violation for us", async (name) => {
    await wrong[name]!();
    expect(server.violations).toHaveLength(1);
    server.violations.length = 0;
  });
});
