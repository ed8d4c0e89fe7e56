import { homedir } from "node:os";
import path from "node:path";
import { defaultIdentityPath, defaultStorePath } from "@keyhold/local";
import { afterEach, describe, expect, it, vi } from "vitest";

afterEach(() => {
  vi.unstubAllEnvs();
});

describe("the default paths", () => {
  it("are keyhold.age in the current folder, and a file in the user's config folder", () => {
    for (const name of ["KEYHOLD_IDENTITY_FILE", "KEYHOLD_STORE", "XDG_CONFIG_HOME"]) vi.stubEnv(name, undefined);
    expect(defaultStorePath()).toBe(path.join(process.cwd(), "keyhold.age"));
    expect(path.relative(homedir(), defaultIdentityPath())).toMatch(/keyhold.identity\.txt$/);
  });

  it("follow KEYHOLD_STORE, KEYHOLD_IDENTITY_FILE and XDG_CONFIG_HOME, which must be absolute", () => {
    vi.stubEnv("KEYHOLD_STORE", "sub/store.age");
    expect(defaultStorePath()).toBe(path.resolve("sub/store.age"));
    vi.stubEnv("KEYHOLD_IDENTITY_FILE", undefined);
    vi.stubEnv("XDG_CONFIG_HOME", path.resolve("/some/config"));
    expect(defaultIdentityPath()).toBe(path.resolve("/some/config/keyhold/identity.txt"));
    vi.stubEnv("XDG_CONFIG_HOME", "relative");
    expect(defaultIdentityPath()).not.toContain("relative");
    vi.stubEnv("KEYHOLD_IDENTITY_FILE", "id.txt");
    expect(defaultIdentityPath()).toBe(path.resolve("id.txt"));
  });
});
