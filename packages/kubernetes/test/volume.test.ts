import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createSecrets } from "@keyhold/core";
import { volume } from "@keyhold/kubernetes";
import { callContext } from "@keyhold/testing";
import { testProvider } from "@keyhold/testing/vitest";
import { afterAll, describe, expect, it } from "vitest";
import { writeMount } from "./kubelet-writer.ts";

const directory = realpathSync(mkdtempSync(path.join(tmpdir(), "keyhold-volume-")));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const create = () => volume({ directory });
const mount = (name: string) => path.join(directory, name);

/** A mount whose link was tampered with. */
const tampered = (name: string, target: string) => {
  writeMount(mount(name), { value: "any" });
  unlinkSync(path.join(mount(name), "..data"));
  symlinkSync(target, path.join(mount(name), "..data"));
};

testProvider("kubernetes-volume", {
  create,
  seed(name, content) {
    if (content.kind !== "fields") return;
    writeMount(mount(name), content.fields as Readonly<Record<string, string | Uint8Array>>);
  },
  refusedNames: { reason: "a mount is one folder below the directory", pattern: /\// },
  skip: [{ reason: "files hold bytes, nothing else", tests: ["fields keep their JSON types"] }],
  breakIt: {
    "invalid-argument": () => ({ provider: create(), locator: { path: "../elsewhere" } }),
    "permission-denied": () => {
      tampered("tampered", "../elsewhere");
      return { provider: create(), locator: { path: "tampered" }, end: () => rmSync(mount("tampered"), { recursive: true }) };
    },
    unavailable: () => ({ provider: volume({ directory: path.join(directory, "nowhere") }) }),
    unsupported: () => ({ provider: create(), locator: { path: "any", version: "1" } }),
  },
  notApplicable: [
    { reason: "nobody signs in to a folder", codes: ["unauthenticated"] },
    { reason: "a mount sets no rate", codes: ["rate-limited"] },
    { reason: "a file system answers or fails", codes: ["timeout"] },
    { reason: "it only reads", codes: ["conflict"] },
    { reason: "every system error has a meaning", codes: ["unknown"] },
  ],
});

describe("a mounted Secret", () => {
  it("is one secret whose fields are its files, also those below folders", async () => {
    writeMount(mount("db"), { username: "root", password: new Uint8Array([0xff, 0]), "certs/ca.pem": "PEM" });
    const secrets = createSecrets({ providers: { volume: create() } });
    const found = await secrets.getMany({ name: "volume://db#username", ca: "volume://db#certs/ca.pem" });
    expect([found.name.text(), found.ca.text()]).toEqual(["root", "PEM"]);
    expect((await secrets.get("volume://db#password")).bytes()).toEqual(new Uint8Array([0xff, 0]));
    await secrets.close();
  });

  it("that changes is in a handle within a second", async () => {
    writeMount(mount("live"), { key: "one" });
    const secrets = createSecrets({ providers: { volume: create() } });
    const handle = await secrets.handle("volume://live#key");
    const changed = new Promise<string>((resolve) => handle.onChange((next) => resolve(next.text())));
    // A handle comes before its watch has begun to look.
    await new Promise((resolve) => setTimeout(resolve, 50));
    const startedAt = performance.now();
    writeMount(mount("live"), { key: "two" });
    expect(await changed).toBe("two");
    console.log(`kubernetes-volume: a swapped mount was in use after ${(performance.now() - startedAt).toFixed(0)} ms`);
    handle.close();
    await secrets.close();
  });

  it("is counted by the check, which fails where there is no directory", async () => {
    writeMount(mount("counted"), { key: "any" });
    const [note] = (await create().check!(callContext())).notes ?? [];
    expect(note).toMatch(/mounted: [1-9]/);
    const check = volume({ directory: mount("nowhere") }).check!(callContext());
    await expect(check).rejects.toMatchObject({ code: "unavailable", retryable: false });
  });

  it("may have an empty file, and no file at all", async () => {
    writeMount(mount("empty-file"), { key: "" });
    writeMount(mount("empty"), {});
    const provider = create();
    const read = async (name: string) => (await provider.read({ path: name }, callContext())).content;
    expect(await read("empty-file")).toEqual({ kind: "fields", fields: { key: new Uint8Array() } });
    expect(await read("empty")).toEqual({ kind: "fields", fields: {} });
    await provider.close?.();
  });

  it("is watched before it is mounted, and after it was taken away", async () => {
    const provider = create();
    const controller = new AbortController();
    const watch = provider.watch!({ path: "later" }, callContext({ signal: controller.signal, deadlineMs: Infinity }));
    const iterator = watch[Symbol.asyncIterator]();
    const next = async () => (await iterator.next()).value?.version;
    expect(await next()).toBeUndefined();
    writeMount(mount("later"), { key: "one" });
    const first = await next();
    expect(first).toBe((await provider.read({ path: "later" }, callContext())).version);
    rmSync(mount("later"), { recursive: true });
    expect(await next()).toBeUndefined();
    writeMount(mount("later"), { key: "two" });
    expect(await next()).not.toBe(first);
    controller.abort();
    expect((await iterator.next()).done).toBe(true);
    await provider.close?.();
  });

  it("that is itself the directory is refused with the way out, and so is a folder that is no volume", async () => {
    writeMount(mount("itself"), { password: "any" });
    const wrong = volume({ directory: mount("itself") });
    await expect(wrong.read({ path: "password" }, callContext())).rejects.toMatchObject({
      code: "invalid-argument",
      hint: expect.stringContaining("itself"),
    });
    mkdirSync(mount("plain"));
    writeFileSync(path.join(mount("plain"), "password"), "any");
    await expect(create().read({ path: "plain" }, callContext())).rejects.toMatchObject({
      code: "unsupported",
      hint: expect.stringContaining("files()"),
    });
    expect((await create().list!({ prefix: "plain" }, callContext())).items).toEqual([]);
  });

  it.each([
    ["../itself", "permission-denied"],
    ["/etc", "permission-denied"],
    [".", "permission-denied"],
    ["..", "permission-denied"],
    ["password-not-there", "unavailable"],
  ])("whose link leads to %s is %s", async (target, code) => {
    const name = `tampered-${target.replaceAll(/[./]/g, "_")}`;
    tampered(name, target);
    await expect(create().read({ path: name }, callContext())).rejects.toMatchObject({ code });
  });

  it("with a link or a pipe instead of a file is refused", async () => {
    writeMount(mount("linked"), { key: "any" });
    symlinkSync("/etc/hostname", path.join(mount("linked"), "..data", "other"));
    await expect(create().read({ path: "linked" }, callContext())).rejects.toMatchObject({ code: "permission-denied" });
  });
});
