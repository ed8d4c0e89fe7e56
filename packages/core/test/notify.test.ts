import { setTimeout as sleep } from "node:timers/promises";
import { createSecrets, type Secret } from "@keyhold/core";
import { memory } from "@keyhold/testing";
import { describe, expect, it } from "vitest";
import { counting } from "./counting.ts";

/** A client on a backend that tells no changes itself, and another that writes to it. */
function pair() {
  const inner = memory({ secrets: { a: "1", b: "1" } });
  const { watch: _none, ...m } = counting();
  const provider = { ...m, ...inner, watch: undefined };
  const reads: string[] = [];
  provider.read = (locator, context) => {
    reads.push(locator.path);
    return inner.read(locator, context);
  };
  return { secrets: createSecrets({ providers: { m: provider } }), writer: createSecrets({ providers: { m: inner } }), reads };
}

describe("notify with a reference", () => {
  it("drops what is held and tells the handles before it ends", async () => {
    const { secrets, writer } = pair();
    const handle = await secrets.handle("m://a");
    const told: string[] = [];
    handle.onChange((now: Secret, before: Secret) => told.push(`${before.text()} ${now.text()}`));
    await secrets.get("m://b");
    await writer.put("m://a", "2");
    await writer.put("m://b", "2");
    expect(await secrets.notify({ reference: "m://a" })).toEqual({ references: ["m://a"] });
    expect(handle.current.text()).toBe("2");
    expect((await secrets.notify({ reference: "m://b#x" })).references).toEqual(["m://b"]);
    expect(secrets.peek("m://b")).toBeUndefined();
    await sleep(1);
    expect(told).toEqual(["1 2"]);
    await secrets.close();
    await expect(secrets.notify({ reference: "m://a" })).rejects.toMatchObject({ code: "closed" });
  });
});
