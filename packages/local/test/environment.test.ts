import { environment } from "@keyhold/local";
import { callContext } from "@keyhold/testing";
import { afterEach, describe, expect, it, vi } from "vitest";

afterEach(() => {
  vi.unstubAllEnvs();
});

const read = (path: string) => environment().read({ path }, callContext());

describe("environment", () => {
  it("reads the process's variables as they are at that moment", async () => {
    vi.stubEnv("KEYHOLD_TEST_VALUE", "first");
    const { content, version } = await read("KEYHOLD_TEST_VALUE");
    expect(content).toEqual({ kind: "opaque", value: "first" });
    vi.stubEnv("KEYHOLD_TEST_VALUE", "second");
    expect((await read("KEYHOLD_TEST_VALUE")).version).not.toBe(version);
    vi.stubEnv("KEYHOLD_TEST_VALUE", "first");
    expect((await read("KEYHOLD_TEST_VALUE")).version).toBe(version);
    expect(version).not.toContain("first");
  });

  it("takes an empty variable for an empty secret, and a missing one for none", async () => {
    vi.stubEnv("KEYHOLD_TEST_VALUE", "");
    expect((await read("KEYHOLD_TEST_VALUE")).content).toEqual({ kind: "opaque", value: "" });
    vi.stubEnv("KEYHOLD_TEST_VALUE", undefined);
    await expect(read("KEYHOLD_TEST_VALUE")).rejects.toMatchObject({ code: "not-found" });
    await expect(read("hasOwnProperty")).rejects.toMatchObject({ code: "not-found" });
  });

  it("lists names and no values", async () => {
    vi.stubEnv("KEYHOLD_TEST_B", "value-b");
    vi.stubEnv("KEYHOLD_TEST_A", "value-a");
    const page = await environment().list!({ prefix: "KEYHOLD_TEST_" }, callContext());
    expect(page).toEqual({ items: [{ path: "KEYHOLD_TEST_A" }, { path: "KEYHOLD_TEST_B" }] });
  });
});
