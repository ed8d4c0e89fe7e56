import { inspect } from "node:util";
import { createSecrets, isSecretsError, type SecretsError } from "@keyhold/core";
import { memory } from "@keyhold/testing";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { resolveToolConfig } from "../src/index.ts";

const secrets = createSecrets({ providers: { test: memory() } });
afterAll(() => secrets.close());

function refusal(config: unknown): SecretsError {
  try {
    resolveToolConfig(config, { secrets });
  } catch (error) {
    if (isSecretsError(error)) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;

describe("a literal credential is refused, by its path and without its text:", () => {
  // In pieces, so that nobody takes this file for one that holds credentials.
  const jwt = ["eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiJtZSJ9", "c2lnbmF0dXJl"].join(".");
  const random = "q8Zr2LxV7wKp4TnYb1";
  const literals: Readonly<Record<string, readonly [tool: object, path: string]>> = {
    "OpenAI's": [{ note: `use sk-${"proj"}-${random}` }, "search.note"],
    "Anthropic's": [{ headers: { "x-whatever": `sk-ant-${random}` } }, "search.headers.x-whatever"],
    "AWS's": [{ env: { ID: `AKIA${"IOSFODNN7EXAMPLE"}` } }, "search.env.ID"],
    "GitHub's": [{ args: ["--token", `ghp_${random}`] }, "search.args.1"],
    "Slack's": [{ deep: { deeper: [{ x: `xoxb-${random}` }] } }, "search.deep.deeper.0.x"],
    "Google's": [{ url: `https://api.example.com/?key=AIza${random}${random.slice(1)}` }, "search.url"],
    "a signed token": [{ query: { t: jwt } }, "search.query.t"],
    "after Bearer": [{ headers: { authorization: "Bearer abcdefgh" } }, "search.headers.authorization"],
    "in Basic": [{ headers: { authorization: basic("me", "secret") } }, "search.headers.authorization"],
    "a private key": [{ pem: `-----BEGIN ${"PRIVATE"} KEY-----\nMII` }, "search.pem"],
    "user and password in an address": [{ url: "https://me:secret@api.example.com/" }, "search.url"],
    "a password of any kind": [{ auth: { type: "basic", username: "me", password: "hunter2" } }, "search.auth.password"],
    "a client's secret": [{ clientSecret: "abc" }, "search.clientSecret"],
    "something random in a field for keys": [{ apiKey: random }, "search.apiKey"],
    "something random beside its name": [{ headers: [{ name: "X-Api-Key", value: random }] }, "search.headers.0.value"],
    "random, in the query of an address": [{ url: `https://api.example.com/?api_key=${random}` }, "search.url"],
    "a password in the query of an address": [{ url: "https://api.example.com/?a=b&password=hunter2" }, "search.url"],
    "in an argument": [{ args: [`--api-key=${random}`] }, "search.args.0"],
    "in the argument behind its name": [{ args: ["--verbose", "--api-key", random] }, "search.args.2"],
    "as a key": [{ headers: { [`ghp_${random}`]: "" } }, "search.headers.…"],
    "beside a reference": [
      { url: "https://api.example.com", headers: { authorization: `Bearer \${test://key}`, "x-api-key": random } },
      "search.headers.x-api-key",
    ],
  };

  it.each(Object.entries(literals))("%s", (_name, [tool, path]) => {
    const error = refusal({ search: tool });
    expect(error).toMatchObject({ code: "invalid-argument", message: expect.stringContaining(`${path}: `) });
    expect(error.hint).toContain("reference");
    const shown = inspect(error, { depth: 9 });
    for (const held of [random, jwt, "hunter2", "IOSFODNN7", "abcdefgh", "me:secret"]) expect(shown).not.toContain(held);
  });

  it("all of them at once, also outside of the tools", () => {
    const error = refusal({ inputs: { token: random }, tools: [{ name: "a", apiKey: random }, { name: "b" }] });
    expect(error.errors?.map(({ message }) => message.split(":", 1)[0])).toEqual(["inputs.token", "tools.0.apiKey"]);
    expect(inspect(error, { depth: 9 })).not.toContain(random);
  });

  it("wherever it stands, by whichever name it goes", () => {
    const name = fc.constantFrom("password", "api_key", "X-Api-Key", "clientSecret", "accessToken", "Authorization");
    const literal = fc.stringMatching(/^[A-Za-z0-9]{24,40}$/).filter((text) => new Set(text).size > 12);
    const around = fc.array(fc.constantFrom("headers", "auth", "env", "options", "0"), { maxLength: 5 });
    fc.assert(
      fc.property(name, literal, around, (field, text, path) => {
        const tool = path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), { [field]: text });
        const error = refusal({ tools: [{ name: "a", inner: tool }] });
        expect(error.message).toContain(["tools.0.inner", ...path, field].join("."));
        expect(inspect(error, { depth: 9 })).not.toContain(text);
      }),
      { numRuns: Number(process.env.KEYHOLD_RUNS ?? 100) },
    );
  });

  it("and not told where it is the name of what is no tool", () => {
    const error = refusal({ tools: { [`ghp_${random}`]: 5 } });
    expect(inspect(error, { depth: 9 })).not.toContain(random);
  });

  it.each(["://:", "{{", `\${`, "<", `https://?`, "?", `\${test://`])(
    "looked for in a long text of %s, and no character twice",
    { timeout: 120_000 },
    (piece) => {
      const text = `https://api.example.com/${piece.repeat(400_000 / piece.length)}`;
      const [tool] = resolveToolConfig(
        { search: { password: `<${text}>`, note: text, more: `://${":".repeat(400_000)}` } },
        { secrets },
      ).tools;
      expect(tool?.config.note).toBe(text);
    },
  );

  it("but not what only looks alike", () => {
    const harmless = {
      name: "search",
      description: "Searches with a token; the password is asked for, and Bearer tokens are explained.",
      tokenUrl: "https://auth.example.com/token",
      nextPageToken: "",
      maxTokens: 4096,
      parameters: { type: "object", properties: { password: { type: "string" }, token: { type: "string" } } },
      auth: { type: "apiKey", name: "X-Api-Key", in: "header", value: "{{ $credentials.key }}" },
      headers: { Authorization: "Bearer <token>", "x-request-id": "6f1c1a0e-1c5b-4d7e-9a55-3f6a0b8f2f11" },
      password: "********",
      args: ["--password", "--api-key", "-x", "Searches-Everything-2026"],
    };
    expect(resolveToolConfig([harmless], { secrets }).tools[0]?.config).toEqual(harmless);
  });
});

describe("a config is refused", () => {
  const url = "https://api.example.com/v1";
  const headers = { authorization: `Bearer \${test://key}` };
  const wrong: Readonly<Record<string, readonly [config: unknown, message: string | RegExp]>> = {
    "that is no config": ["search", "neither a list nor an object"],
    "whose tools are none": [{ tools: ["search"] }, "tools.0: this is no tool"],
    "with a tool without a name": [[{ url }], "0: this tool has no name"],
    "with two tools of one name": [[{ name: "a" }, { name: "a" }], "1: an earlier tool"],
    "that holds what JSON does not": [{ a: { run: () => {} } }, "a.run: this is nothing that JSON holds"],
    "that holds itself": [circle(), "nothing that JSON holds"],
    "with a secret and no address": [{ a: { headers } }, "a: the tool names no address"],
    "with several addresses": [{ a: { url, endpoint: "https://other.example.com", headers } }, "a: the tool names several"],
    "with a host that is not fixed": [{ a: { url: "https://{region}.example.com", headers } }, "not a fixed one"],
    "with an address that only begins like another": [
      { a: { url: "https://api.example.com@evil.example/v1", headers } },
      "a: the tool's address names a user",
    ],
    "with methods in a list, which would be no limit": [
      { a: { url, method: ["GET"], headers } },
      "a: the tool's method is no text",
    ],
    "with an address of another kind": [{ a: { url: "wss://api.example.com", headers } }, "no http or https URL"],
    "with an address that is none": [{ a: { url: "https://[", headers } }, "a: the tool's address is no URL"],
    "with an address inside the network": [{ a: { url: "https://10.0.0.1", headers } }, "names an address as its host"],
    "with a reference in a body": [{ a: { url, body: { key: "test://key" } } }, "a.body.key: a reference stands where"],
    "with a reference in a path": [{ a: { url: `${url}/\${test://key}` } }, "a.url: a reference stands where"],
    "with a reference in a host": [{ a: { url: `https://\${test://key}.example.com` } }, "a.url: a reference stands where"],
    "with more than a reference in a query": [{ a: { url, query: { q: `x\${test://key}` } } }, "a.query.q: a reference stands"],
    "with another word before a reference": [
      { a: { url, headers: { authorization: `Token \${test://key}` } } },
      "alone, or after",
    ],
    "with Basic in a header": [{ a: { url, headers: { authorization: `Basic \${test://key}` } } }, "alone, or after Bearer"],
    "with auth that does not say how": [{ a: { url, auth: { token: "test://key" } } }, "a.auth.token: auth does not say"],
    "with auth in a cookie": [
      { a: { url, auth: { type: "apiKey", in: "cookie", name: "session", value: "test://key" } } },
      "a.auth.value: auth does not say",
    ],
    "with two references in Basic": [
      { a: { url, auth: { type: "basic", username: "test://key", password: "test://other" } } },
      "a: user and password",
    ],
    "with a variable for a program": [{ a: { command: "server", env: { KEY: "test://key" } } }, "a.env.KEY: no header"],
    "with a variable that is not there": [{ a: { url, headers: { authorization: `Bearer \${KEY}` } } }, "a variable that"],
    "with a provider that is not there": [
      { a: { url, headers: { "x-api-key": "vault://key" } } },
      /a.headers.x-api-key: .*provider/,
    ],
    "with a provider that is not there, in a text": [{ a: { url, headers: { a: `Bearer \${vault://key}` } } }, /a.headers.a: /],
    "with a provider that is not there, in a field for keys": [
      { a: { options: { apiKey: "vault://key" } } },
      /a.options.apiKey: /,
    ],
    "with what another program asks for": [{ a: { url, headers: { authorization: `Bearer \${input:key}` } } }, "a variable that"],
    "with tools in two places": [{ tools: [], servers: {} }, "tools stand under tools and servers"],
    "with a key of something within it": [{ a: { url, list: [{ apiKey: "test://key" }] } }, "a.list.0.apiKey: a reference"],
    "with a header without a name": [{ a: { url, headers: ["test://key"] } }, "a.headers.0: a reference"],
    "with a malformed variable": [{ a: { url, env: { A: "test://../key" } } }, /^a.env.A: malformed reference[^\n]*$/],
    "with a malformed reference": [{ a: { url, headers: { a: "test://../key" } } }, "a.headers.a: malformed reference"],
    "with a default for a secret": [{ a: { url, headers: { a: "test://key?default=x" } } }, "a.headers.a: malformed reference"],
    "with a header that cannot hold one": [{ a: { url, headers: { Host: "test://key" } } }, "a: rule 1"],
    "with one header in two ways": [
      { a: { url, headers: { authorization: "test://key" }, auth: { type: "bearer", token: "test://key" } } },
      "contradicts",
    ],
  };

  it.each(Object.entries(wrong))("%s", (_name, [config, message]) => {
    const error = refusal(config);
    expect(error.message).toMatch(message);
    expect(error.code).toBe("invalid-argument");
    expect(error.hint).toBeTruthy();
  });

  it("or holds a placeholder for each of its references, whatever it looks like", () => {
    const word = fc.constantFrom("headers", "auth", "type", "env", "value", "name", "apiKey", "query", "body", "__proto__", "A");
    const text = fc.constantFrom(
      "test://key",
      "Bearer test://key",
      `\${test://key}`,
      `\${A}`,
      "https://a.test/v1",
      "bearer",
      "x",
    );
    const { fields } = fc.letrec<{ fields: object; any: unknown }>((tie) => ({
      any: fc.oneof({ maxDepth: 3 }, text, text, fc.constant(7), fc.array(tie("any"), { maxLength: 2 }), tie("fields")),
      fields: fc.array(fc.tuple(word, tie("any")), { maxLength: 3 }).map((entries) => Object.fromEntries(entries)),
    }));
    let resolved = 0;
    fc.assert(
      fc.property(fields, (tool) => {
        try {
          const { tools } = resolveToolConfig({ search: { url, ...tool } }, { secrets });
          const shown = JSON.stringify(tools[0]?.config);
          expect(shown).not.toContain("test://");
          if (shown.includes("keyhold0")) resolved += 1;
        } catch (error) {
          if (!isSecretsError(error)) throw error;
          expect(inspect(error)).not.toContain("keyhold0");
        }
      }),
      { numRuns: Math.max(500, Number(process.env.KEYHOLD_RUNS ?? 0)), examples: [[{ apiKey: "test://key" }]] },
    );
    console.log(`tool configs: ${resolved} with placeholders, the others refused or without references`);
    expect(resolved).toBeGreaterThan(0);
  });

  it("with all that is wrong in it", () => {
    const error = refusal({ a: { body: "test://key" }, b: { headers: { x: "test://key" } } });
    expect(error.errors?.map(({ message }) => message)).toMatchObject(
      [/^a.body: /, /^b: the tool names no/].map((one) => expect.stringMatching(one)),
    );
  });
});

function circle(): unknown {
  const tool: Record<string, unknown> = {};
  tool.inner = tool;
  return { a: tool };
}
