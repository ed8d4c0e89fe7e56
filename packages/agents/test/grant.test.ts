import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startWorld, type World } from "../../../test/agents/world.ts";
import type { EgressUse, GrantedFetch } from "../src/index.ts";
import { createOpener, type Opener, value } from "./opened.ts";

let world: World;
let opener: Opener;

beforeAll(async () => {
  world = await startWorld();
  opener = createOpener(world);
});
afterEach(async () => {
  await opener.closeAll();
  world.reset();
});
afterAll(() => world.close());

const references = ["test://key"];
const ask = (fetch: GrantedFetch, init: RequestInit = {}) =>
  fetch(opener.url("/v1"), { ...init, headers: { authorization: `Bearer ${fetch.placeholder("test://key")}` } });

describe("a grant", () => {
  it("counts uses, and says who used what in its events", async () => {
    const { fetch, events } = await opener.open([opener.rule()]);
    const grant = fetch.grant({ run: "r1", agent: "a1", tool: "search", references, uses: 2 });
    expect(grant.usesLeft).toBe(2);
    await ask(grant.fetch);
    await ask(grant.fetch);
    expect(grant.usesLeft).toBe(0);
    await expect(ask(grant.fetch)).rejects.toMatchObject({ code: "permission-denied" });
    const who = { type: "use", run: "r1", agent: "a1", tool: "search", reference: "test://key", method: "GET", path: "/v1" };
    expect(events).toMatchObject([
      { ...who, outcome: "answered", status: 200 },
      { ...who, outcome: "answered" },
      { ...who, outcome: "refused", error: { code: "permission-denied" } },
    ]);
    expect(JSON.stringify(events)).not.toContain(value);
    expect(world.api.requests.length).toBe(2);
  });

  it("asks for approval with what is about to happen, and counts no use that was refused", async () => {
    const { fetch } = await opener.open([opener.rule()]);
    const asked: EgressUse[] = [];
    let answer = false;
    const grant = fetch.grant({
      tool: "search",
      references,
      uses: 1,
      approve: (use) => {
        asked.push(use);
        return answer;
      },
    });
    await expect(ask(grant.fetch)).rejects.toThrow("not approved");
    answer = true;
    await ask(grant.fetch, { method: "POST", body: "{}" });
    const host = `api.keyhold.test:${world.api.port}`;
    expect(asked).toEqual(
      ["GET", "POST"].map((method) => ({ reference: "test://key", host, method, path: "/v1", tool: "search" })),
    );
  });

  it("ends calls under way when it is revoked: those that wait, and answers that are being read", async () => {
    const { fetch, events } = await opener.open([opener.rule()]);
    const grant = fetch.grant({ references });
    let closed = 0;
    world.api.answer = (_request, response) => {
      response.once("close", () => {
        closed += 1;
      });
      response.write("beginning");
    };
    const reading = await ask(grant.fetch);
    world.api.answer = (_request, response) => {
      response.once("close", () => {
        closed += 1;
      });
    };
    const waiting = ask(grant.fetch);
    await expect.poll(() => world.api.requests.length).toBe(2);
    grant.revoke();
    await expect(waiting).rejects.toMatchObject({ code: "permission-denied", message: "the grant was revoked" });
    await expect(reading.text()).rejects.toMatchObject({ code: "permission-denied" });
    await expect.poll(() => closed).toBe(2);
    await expect(grant.fetch(opener.url())).rejects.toThrow("revoked");
    expect(events.map((event) => event.outcome)).toEqual(["answered", "revoked"]);
  });

  it("does not wait for an approval that never comes once it is revoked", async () => {
    const { fetch } = await opener.open([opener.rule()]);
    const grant = fetch.grant({ references, approve: () => new Promise(() => {}) });
    const waiting = ask(grant.fetch);
    setTimeout(grant.revoke, 20);
    await expect(waiting).rejects.toThrow("revoked");
    expect(world.api.requests).toEqual([]);
  });

  it("is refused for references without a rule, and for limits that are none", async () => {
    const { fetch } = await opener.open([opener.rule()]);
    expect(() => fetch.grant({ references: ["test://other"] })).toThrow(expect.objectContaining({ code: "permission-denied" }));
    for (const limits of [{ uses: -1 }, { uses: 1.5 }, { until: Number.NaN }, { until: new Date("never") }]) {
      expect(() => fetch.grant({ references, ...limits })).toThrow(expect.objectContaining({ code: "invalid-argument" }));
    }
  });
});
