import { createSecrets, failover, SecretsError } from "@keyhold/core";
import { manualClock } from "@keyhold/testing";
import { describe, expect, it } from "vitest";
import { counting } from "./counting.ts";

const fails = (code: ConstructorParameters<typeof SecretsError>[0]) => () => Promise.reject(new SecretsError(code, code));

function replicas() {
  const [near, far, clock] = [
    counting({ secrets: { a: "near", b: "near" } }),
    counting({ secrets: { a: "far", b: "far" } }),
    manualClock(),
  ];
  const secrets = createSecrets({
    providers: { m: failover([near, far]) },
    clock,
    retry: false,
    cache: { ttlMs: 0, maxStaleMs: 0 },
  });
  return { near, far, clock, secrets };
}

describe("failover", () => {
  it("asks the next replica when one is down, and stays with the one that answered", async () => {
    const { near, far, secrets } = replicas();
    expect((await secrets.get("m://a")).text()).toBe("near");
    near.answer = fails("unavailable");
    expect((await secrets.get("m://a")).text()).toBe("far");
    near.answer = undefined;
    expect((await secrets.get("m://a")).text()).toBe("far");
    expect([near.reads.length, far.reads.length]).toEqual([2, 2]);
  });

  it.each(["not-found", "permission-denied", "unauthenticated", "rate-limited", "decode"] as const)(
    "passes %s on without asking anybody else",
    async (code) => {
      const { near, far, secrets } = replicas();
      near.answer = fails(code);
      await expect(secrets.get("m://a")).rejects.toMatchObject({ code });
      expect(far.reads).toEqual([]);
    },
  );

  it("keeps a share of the deadline for the next replica when one hangs", async () => {
    const { near, clock, secrets } = replicas();
    near.answer = () => new Promise<never>(() => {});
    const got = secrets.get("m://a");
    await clock.advance(5_000);
    expect((await got).text()).toBe("far");
  });

  it("leaves a replica alone only after five failures in a row, an answer that says no being none", async () => {
    const { near, far, secrets } = replicas();
    for (let turn = 0; turn < 10; turn += 1) {
      near.answer = fails("unavailable");
      far.answer = fails("unavailable");
      await expect(secrets.get("m://a")).rejects.toMatchObject({ code: "unavailable" });
      near.answer = fails("not-found");
      await expect(secrets.get(`m://none${turn}`)).rejects.toMatchObject({ code: "not-found" });
    }
    expect(near.reads).toHaveLength(20);
  });

  it("gives the failure when all are down, and refuses to be made of one", async () => {
    const { near, far, secrets } = replicas();
    near.answer = fails("unavailable");
    far.answer = fails("timeout");
    await expect(secrets.get("m://a")).rejects.toMatchObject({ code: "timeout" });
    expect(() => failover([near])).toThrow(/two/);
    await expect(secrets.put("m://a", "x")).rejects.toMatchObject({ code: "unsupported" });
  });
});
