import { apiKeyAuth, jwtAuth } from "@keyhold/conjur";
import { isSecret } from "@keyhold/core";
import { callContext } from "@keyhold/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { readText, type Started, start } from "./start.ts";

let started: Started;
beforeAll(async () => {
  started = await start(`
- !policy app
- !host writer
- !host stranger
- !user alice
- !permit { role: !user alice, privileges: [read, update], resource: !host stranger }
`);
});
afterAll(() => started.close());
afterEach(() => expect(started.server.violations).toEqual([]));

const text = (value: string) => ({ kind: "opaque", value }) as const;

describe("policies", () => {
  it("are loaded, updated and replaced, and tell new API keys as secrets", async () => {
    const provider = started.open();
    const first = await provider.policies.load("app", "- !host web\n- !variable made", callContext());
    expect(first.createdRoles.map(({ id }) => id)).toEqual(["test:host:app/web"]);
    const [web] = first.createdRoles;
    expect(isSecret(web?.apiKey)).toBe(true);
    await provider.write!({ path: "app/made" }, text("made"), {}, callContext());
    const permit = "- !permit { role: !host web, privileges: [read, execute], resource: !variable made }";
    expect(await provider.policies.update("app", permit, callContext())).toEqual({
      version: first.version + 1,
      createdRoles: [],
    });
    const auth = apiKeyAuth({ login: "host/app/web", apiKey: web?.apiKey.text() ?? "" });
    expect(await readText(started.open({ auth }), "app/made", callContext())).toBe("made");
    await provider.policies.update("app", "- !delete { record: !variable made }", callContext());
    await expect(provider.read({ path: "app/made" }, callContext())).rejects.toMatchObject({ code: "not-found" });
    await provider.policies.replace("app", "- !host other", callContext());
    await expect(started.open({ auth }).whoami(callContext())).rejects.toMatchObject({ code: "unauthenticated" });
  });

  it("that are wrong are invalid-argument, to a branch that is not there not-found, and forbidden ones permission-denied", async () => {
    const { load } = started.open().policies;
    for (const wrong of [
      "- !permit { role: !user nobody, privilege: read, resource: !variable none }",
      "- !delete { record: !host web }",
      "",
      "- [",
    ]) {
      await expect(load("root", wrong, callContext())).rejects.toMatchObject({
        code: "invalid-argument",
        hint: expect.any(String),
      });
    }
    await expect(load("none", "- !variable x", callContext())).rejects.toMatchObject({ code: "not-found" });
    started.server.seedPolicy("- !policy open\n- !permit { role: !host stranger, privileges: [read], resource: !policy open }");
    const strangers = started.as("host/stranger").policies.load("open", "- !variable x", callContext());
    await expect(strangers).rejects.toMatchObject({ code: "permission-denied", hint: expect.stringContaining("create") });
  });

  it("of two at once one is a conflict that is worth another try", async () => {
    const { load } = started.open().policies;
    await load("root", "- !variable warm", callContext());
    const loads = await Promise.allSettled([1, 2].map((id) => load("root", `- !variable twice-${id}`, callContext())));
    const lost = loads.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : []));
    expect(lost).toHaveLength(1);
    expect(lost[0]).toMatchObject({ code: "conflict", retryable: true, retryAfterMs: 1_000 });
  });
});

describe("an API key", () => {
  it("of one's own is rotated by itself, and the provider goes on with the new one", async () => {
    const { createdRoles } = await started.open().policies.load("root", "- !host rotated", callContext());
    const old = createdRoles[0]?.apiKey.text() ?? "";
    const open = (apiKey: string) => started.open({ auth: apiKeyAuth({ login: "host/rotated", apiKey }) });
    const provider = open(old);
    const first = await provider.rotateApiKey({}, callContext());
    const second = await provider.rotateApiKey({}, callContext());
    expect([isSecret(second), second.equals(first)]).toEqual([true, false]);
    expect((await provider.whoami(callContext())).login).toBe("host/rotated");
    for (const gone of [old, first.text()]) {
      await expect(open(gone).whoami(callContext())).rejects.toMatchObject({ code: "unauthenticated" });
    }
    expect((await open(second.text()).whoami(callContext())).login).toBe("host/rotated");
  });

  it("of another is rotated by whoever may update it", async () => {
    const key = await started.as("alice").rotateApiKey({ role: "host:stranger" }, callContext());
    const auth = apiKeyAuth({ login: "host/stranger", apiKey: key.text() });
    expect((await started.open({ auth }).whoami(callContext())).login).toBe("host/stranger");
  });

  it.each([
    ["one's own by name", "user:alice", "unauthenticated"],
    ["one that is not visible", "host:writer", "not-found"],
  ])("of %s is not rotated: %s is %s", async (_name, role, code) => {
    const rotating = started.as("alice").rotateApiKey({ role }, callContext());
    await expect(rotating).rejects.toMatchObject({ code, hint: expect.any(String) });
  });

  it("of what has none is not rotated, nor one's own without one", async () => {
    const group = started.open().rotateApiKey({ role: "policy:app" }, callContext());
    await expect(group).rejects.toMatchObject({ code: "invalid-argument" });
    const provider = started.open({ auth: jwtAuth({ service: "ci", token: async () => "x" }) });
    await expect(provider.rotateApiKey({}, callContext())).rejects.toMatchObject({
      code: "unsupported",
      hint: expect.any(String),
    });
  });
});
