import { createSecrets } from "@keyhold/core";
import { memory } from "@keyhold/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { names, startWorld, type World } from "../../../test/agents/world.ts";
import { type EgressEvent, type EgressRule, type SecretFetch, type SecretFetchOptions, secretFetch } from "../src/index.ts";

let world: World;
const opened: SecretFetch[] = [];
const value = "sk-a_long/key+with=all&sorts";

beforeAll(async () => {
  world = await startWorld();
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((fetch) => fetch.close()));
  world.reset();
});
afterAll(() => world.close());

const rule = (more: Partial<EgressRule> = {}): EgressRule => ({
  reference: "test://key",
  host: names.api,
  port: world.api.port,
  addresses: ["127.0.0.1"],
  ...(more.query || more.aws ? {} : { header: "authorization" }),
  ...more,
});
const url = (path = "/") => `https://${names.api}:${world.api.port}${path}`;

async function open(allow: readonly EgressRule[], options: Partial<SecretFetchOptions> = {}) {
  const secrets = createSecrets({ providers: { test: memory() } });
  await secrets.put("test://key", value);
  const events: EgressEvent[] = [];
  const { ca, lookup } = world;
  const fetch = secretFetch({ secrets, allow, ca, lookup, onEvent: (event) => events.push(event), ...options });
  opened.push(fetch);
  return { fetch, secrets, events };
}

describe("secretFetch", () => {
  it("puts the value into the header that its rule names, and gives the answer", async () => {
    const { fetch, events } = await open([rule()]);
    const answer = await fetch(url("/v1?a=b"), { headers: { authorization: `Bearer ${fetch.placeholder("test://key")}` } });
    expect(await answer.json()).toEqual({ ok: true });
    expect(world.api.requests[0]?.headers.authorization).toBe(`Bearer ${value}`);
    expect(events).toMatchObject([{ reference: "test://key", outcome: "answered", status: 200, path: "/v1" }]);
  });
});
