import type { ConjurProvider } from "@keyhold/conjur";
import { createSecrets, type Locator, type SecretRecord } from "@keyhold/core";
import { callContext } from "@keyhold/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { outcomeOf, type Started, start, textOf } from "./start.ts";

const many = Array.from({ length: 30 }, (_path, index) => `app/many/${index}`);
const odd = [
  "app/with space",
  "app/a,b",
  "app/per%41cent",
  "app/ключ-鍵-🔑",
  "app/plus+and&=?#",
  "app/colon:semi;",
  "app/quote\"'\\",
];
const binary = Uint8Array.from({ length: 300 }, (_byte, index) => index % 256);

let started: Started;
beforeAll(async () => {
  const declared = [...many, ...odd, "app/binary", "app/unset", "app/hidden", "app/locked"];
  const readable = [...many, ...odd, "app/binary", "app/unset"];
  const variable = (path: string) => `!variable ${JSON.stringify(path)}`;
  started = await start(`
- !host reader
${declared.map((path) => `- ${variable(path)}`).join("\n")}
- !permit
  role: !host reader
  privileges: [read, execute]
  resources: [${readable.map(variable).join(", ")}]
- !permit { role: !host reader, privileges: [read], resource: !variable app/locked }
`);
  for (const path of [...many, ...odd, "app/hidden", "app/locked"]) started.server.seed(path, `value of ${path}`);
  started.server.seed("app/binary", binary);
});
afterAll(() => started.close());
afterEach(() => {
  expect(started.server.violations).toEqual([]);
  expect(started.server.faults.pending).toBe(0);
});

const locators = (paths: readonly string[]): Locator[] => paths.map((path) => ({ path }));

async function read(provider: ConjurProvider, all: readonly Locator[]) {
  started.requests();
  const outcomes = (await provider.readMany?.(all, callContext())) ?? [];
  return { outcomes, found: outcomes.map(outcomeOf), requests: started.requests() };
}

describe("reading many", () => {
  it("takes three requests for thirty", async () => {
    const { found, requests } = await read(started.as("host/reader"), locators(many));
    expect(found).toEqual(many.map((path) => `value of ${path}`));
    expect(requests).toEqual(["GET /resources/test/variable", "GET /secrets", "GET /resources/test/variable"]);
  });

  it("narrows what it asks for to the folder that all lie in", async () => {
    await read(started.as("host/reader"), locators(many));
    const searches = started.server.requests.slice(-3).map(({ request }) => request.query.get("search"));
    expect(searches).toEqual(["variable app many", null, "variable app many"]);
  });

  it("gives what read gives: values, versions and bytes", async () => {
    const provider = started.as("host/reader");
    const paths = [...odd, "app/binary", ...many.slice(0, 3)];
    const { outcomes } = await read(provider, locators(paths));
    const singles = await Promise.all(paths.map((path) => provider.read({ path }, callContext())));
    expect(outcomes).toEqual(singles);
    expect((outcomes[odd.length] as SecretRecord).content).toEqual({ kind: "opaque", value: binary });
  });

  it("gives each failure in its own place, whatever the batch says to all", async () => {
    const wrong = ["app/unset", "app/hidden", "app/none", "app/locked"];
    const mixed = [...many.slice(0, 10), ...wrong, ...many.slice(10)];
    const { found, requests } = await read(started.as("host/reader"), locators(mixed));
    const expected = mixed.map((path) => {
      if (path === "app/locked") return "permission-denied";
      return wrong.includes(path) ? "not-found" : `value of ${path}`;
    });
    expect(found).toEqual(expected);
    console.log(`conjur: 34 variables, 4 of which cannot be had, in ${requests.length} requests; one by one they take 66`);
    expect(requests.length).toBeLessThan(30);
  });

  it("asks once for an id that stands twice, and gives each place bytes of its own", async () => {
    const provider = started.as("host/reader");
    const { outcomes, requests } = await read(provider, locators(["app/binary", ...many.slice(0, 4), "app/binary"]));
    expect(requests).toHaveLength(3);
    const [first, last] = [outcomes[0], outcomes[5]] as SecretRecord[];
    if (first?.content.kind === "opaque") (first.content.value as Uint8Array).fill(0);
    expect(last?.content).toEqual({ kind: "opaque", value: binary });
  });

  it("reads ids with a comma, and versions, one by one beside the batch", async () => {
    const all: Locator[] = [...locators(many.slice(0, 5)), { path: "app/a,b" }, { path: many[0] as string, version: "1" }];
    const { found, requests } = await read(started.as("host/reader"), all);
    expect(found).toEqual([...many.slice(0, 5), "app/a,b", many[0]].map((path) => `value of ${path}`));
    expect(
      requests.filter((request) => request !== "GET /secrets" && !request.startsWith("GET /resources/test/variable")),
    ).toEqual(expect.arrayContaining(["GET /secrets/test/variable/app%2Fa%2Cb"]));
  });

  it("reads few one by one, which takes fewer round trips", async () => {
    const { requests } = await read(started.as("host/reader"), locators(many.slice(0, 2)));
    expect(requests.every((request) => request !== "GET /secrets")).toBe(true);
    expect(requests).toHaveLength(4);
  });

  it("never gives a value under the version of another, though it changes in the middle of the batch", async () => {
    const provider = started.as("host/reader");
    const { server } = started;
    for (let round = 0; round < 3; round += 1) {
      const changed = Promise.withResolvers<void>();
      server.faults.next({ kind: "held", until: changed.promise }, { match: /^GET \/secrets$/ });
      const reading = read(provider, locators(many));
      await expect.poll(() => server.faults.pending).toBe(0);
      for (const path of many.slice(0, 5)) server.seed(path, `version ${round + 2} of ${path}`);
      changed.resolve();
      const { outcomes } = await reading;
      for (const record of outcomes.slice(0, 5) as SecretRecord[])
        expect(textOf(record.content)).toMatch(new RegExp(`^version ${record.version} of `));
    }
    for (const path of many.slice(0, 5)) server.seed(path, `value of ${path}`);
  });

  it("splits ids that are too many for one URL", async () => {
    const long = Array.from({ length: 60 }, (_path, index) => `long/${"x".repeat(200)}-${index}`);
    started.server.seedPolicy(long.map((path) => `- !variable ${path}`).join("\n"));
    for (const path of long) started.server.seed(path, path);
    const { found, requests } = await read(started.open(), locators(long));
    expect(found).toEqual(long);
    expect(requests.filter((request) => request === "GET /secrets").length).toBeGreaterThan(2);
    for (const { request } of started.server.requests.slice(-requests.length))
      expect(request.query.toString().length).toBeLessThan(6_000);
  });

  it("reads one by one where a proxy asks for text in its own words", async () => {
    const body = JSON.stringify(Object.fromEntries(many.map((path) => [`test:variable:${path}`, "dGV4dA=="])));
    started.server.faults.next({ kind: "status", status: 200, body }, { match: /^GET \/secrets$/ });
    const { found } = await read(started.as("host/reader"), locators(many));
    expect(found).toEqual(many.map((path) => `value of ${path}`));
  });

  it("reads one by one where the server's own limit lets nobody list so many", async () => {
    started.server.faults.next({ kind: "status", status: 422 }, { match: /^GET \/resources\/test\/variable$/ });
    const { found, requests } = await read(started.as("host/reader"), locators(many));
    expect(found).toEqual(many.map((path) => `value of ${path}`));
    expect(requests).toHaveLength(61);
  });

  it("fails as a whole where the server does, so that it is tried again as a whole", async () => {
    const secrets = createSecrets({ providers: { conjur: started.as("host/reader") } });
    const references = many.map((path) => `conjur://${path}` as const);
    started.server.faults.next({ kind: "status", status: 503 }, { match: /^GET \/secrets$/ });
    const read = await secrets.getMany(references);
    expect(read.map((secret) => secret.text())).toEqual(many.map((path) => `value of ${path}`));
    await secrets.close();
  });

  it("takes three requests for thirty gets of one turn too, and sixty with { batch: false }", async () => {
    const counts: number[] = [];
    for (const batch of [true, false]) {
      const secrets = createSecrets({ providers: { conjur: started.as("host/reader") }, batch });
      started.requests();
      const read = await Promise.all(many.map((path) => secrets.get(`conjur://${path}`)));
      expect(read.map((secret) => secret.text())).toEqual(many.map((path) => `value of ${path}`));
      counts.push(started.requests().length);
      await secrets.close();
    }
    console.log(`conjur: 30 gets in one turn in ${counts[0]} requests; control, without batches: ${counts[1]}`);
    expect(counts).toEqual([3, 60]);
  });
});
