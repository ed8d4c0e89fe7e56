import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { isSecretsError, SecretsError, secret } from "@keyhold/core";
import { initStore, type LocalOptions, local } from "@keyhold/local";
import { callContext, findLeak } from "@keyhold/testing";
import { armor, Decrypter, Encrypter, generateX25519Identity } from "age-encryption";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { wrapWithPassphrase } from "../src/passphrase.ts";
import { type TemporaryStore, temporaryStore } from "./temporary-store.ts";

let files: TemporaryStore;
beforeEach(async () => {
  for (const name of ["KEYHOLD_IDENTITY", "KEYHOLD_IDENTITY_FILE", "KEYHOLD_STORE"]) vi.stubEnv(name, undefined);
  files = await temporaryStore();
  vi.stubEnv("XDG_CONFIG_HOME", path.join(files.folder, "config"));
});
afterEach(() => {
  vi.unstubAllEnvs();
  files.remove();
});

/** Reads from a store: `not-found` shows that the identity opened it. */
async function opened(options: LocalOptions): Promise<unknown> {
  const error = await local({ path: files.path, ...options })
    .read({ path: "nothing" }, callContext())
    .catch((thrown: unknown) => thrown);
  if (!isSecretsError(error)) throw error;
  expect(findLeak(error, [files.identity()])).toBeUndefined();
  return error.code;
}

/** Writes an identity file as `text`. */
function identityFile(text: string, name = "own.txt"): string {
  const file = path.join(files.folder, name);
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}

/** A wrapped identity as `age -p` makes it, with a work factor that takes no time. */
async function wrapped(text: string, passphrase: string): Promise<string> {
  const encrypter = new Encrypter();
  encrypter.setPassphrase(passphrase);
  encrypter.setScryptWorkFactor(8);
  return armor.encode(await encrypter.encrypt(text));
}

describe("an identity", () => {
  it("is read from a file as age-keygen writes it, with comments, empty lines, other keys and any line ends", async () => {
    const other = await generateX25519Identity();
    const text = `# created: 2026-01-02T03:04:05Z\r\n# public key: ${files.recipient}\r\n\r\n${other}\r\n  ${files.identity()}  \r\n`;
    expect(await opened({ identityPath: identityFile(text) })).toBe("not-found");
  });

  it("is taken from the options as text or as a secret, before the environment", async () => {
    vi.stubEnv("KEYHOLD_IDENTITY", await generateX25519Identity());
    expect(await opened({})).toBe("permission-denied");
    expect(await opened({ identity: files.identity() })).toBe("not-found");
    expect(await opened({ identity: secret(files.identity()) })).toBe("not-found");
    expect(await opened({ identityPath: files.identityPath })).toBe("not-found");
  });

  it("is taken from KEYHOLD_IDENTITY, KEYHOLD_IDENTITY_FILE, or the user's config folder", async () => {
    expect(await opened({})).toBe("unauthenticated");
    vi.stubEnv("KEYHOLD_IDENTITY", files.identity());
    expect(await opened({})).toBe("not-found");
    vi.stubEnv("KEYHOLD_IDENTITY", "");
    vi.stubEnv("KEYHOLD_IDENTITY_FILE", files.identityPath);
    expect(await opened({})).toBe("not-found");
    vi.stubEnv("KEYHOLD_IDENTITY_FILE", undefined);
    mkdirSync(path.join(files.folder, "config/keyhold"), { recursive: true });
    identityFile(files.identity(), "config/keyhold/identity.txt");
    expect(await opened({})).toBe("not-found");
  });

  it("is refused where two sources are given, and where a key stands in place of a path", () => {
    const key = files.identity();
    expect(() => local({ identity: key, identityPath: files.identityPath })).toThrowError(/both given/);
    expect(() => local({ identityPath: key })).toThrowError(/^(?!.*AGE-SECRET-KEY).*stands where the path/);
    vi.stubEnv("KEYHOLD_IDENTITY", key);
    vi.stubEnv("KEYHOLD_IDENTITY_FILE", files.identityPath);
    expect(() => local()).toThrowError(/both set/);
  });

  it.each([
    ["no key", "# nothing here\n", "unauthenticated"],
    ["something else", "hello\n", "unauthenticated"],
    ["a mistyped key", "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEY\n", "unauthenticated"],
    ["a plugin's key", "AGE-PLUGIN-YUBIKEY-1QQPQYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGP\n", "unsupported"],
    ["an SSH key", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n-----END OPENSSH PRIVATE KEY-----\n", "unsupported"],
  ])("with %s is refused, and none of it is repeated", async (_, text, code) => {
    const error = await local({ path: files.path, identityPath: identityFile(text) })
      .read({ path: "x" }, callContext())
      .catch((thrown: unknown) => thrown);
    expect(isSecretsError(error) && error.code).toBe(code);
    expect(isSecretsError(error) && error.hint).toBeTruthy();
    for (const line of text.split("\n").filter((one) => one.length > 8)) expect(JSON.stringify(error)).not.toContain(line);
  });

  it("in the user's config folder is refused where others may read it, or where it is a link", async () => {
    mkdirSync(path.join(files.folder, "config/keyhold"), { recursive: true });
    const file = identityFile(files.identity(), "config/keyhold/identity.txt");
    chmodSync(file, 0o640);
    expect(await opened({})).toBe("permission-denied");
    chmodSync(file, 0o600);
    expect(await opened({})).toBe("not-found");
  });

  it("in a named file may be a link that others may read, as mounts are, but not one that others may write", async () => {
    const file = identityFile(files.identity());
    const link = path.join(files.folder, "link");
    symlinkSync(file, link);
    chmodSync(file, 0o444);
    expect(await opened({ identityPath: link })).toBe("not-found");
    chmodSync(file, 0o666);
    expect(await opened({ identityPath: link })).toBe("permission-denied");
  });
});

describe("a passphrase", () => {
  it("is asked for once, however many calls wait for it", async () => {
    const passphrase = vi.fn(async () => "correct horse");
    const store = local({
      path: files.path,
      identityPath: identityFile(await wrapped(files.identity(), "correct horse")),
      passphrase,
    });
    const value = { kind: "opaque", value: "v" } as const;
    await Promise.all(["a", "b", "c"].map((name) => store.write({ path: name }, value, {}, callContext())));
    await store.read({ path: "a" }, callContext());
    expect(passphrase).toHaveBeenCalledTimes(1);
  });

  it("that is wrong is unauthenticated, and asked for again by the next call", async () => {
    const answers = ["wrong one", "", "correct horse"];
    const passphrase = vi.fn(async () => answers.shift()!);
    const store = local({
      path: files.path,
      identityPath: identityFile(await wrapped(files.identity(), "correct horse")),
      passphrase,
    });
    const codes: unknown[] = [];
    for (let call = 0; call < 4; call++) {
      await store.read({ path: "nothing" }, callContext()).catch((error) => {
        expect(findLeak(error, ["correct horse", "wrong one"])).toBeUndefined();
        codes.push(error.code);
      });
    }
    expect(codes).toEqual(["unauthenticated", "unauthenticated", "not-found", "not-found"]);
    expect(passphrase).toHaveBeenCalledTimes(3);
  });

  it("is unauthenticated where there is nobody to ask, and where asking fails", async () => {
    const identityPath = identityFile(await wrapped(files.identity(), "correct horse"));
    expect(await opened({ identityPath })).toBe("unauthenticated");
    expect(await opened({ identityPath, passphrase: () => Promise.reject(new Error("correct horse")) })).toBe("unauthenticated");
    // A function that says by a SecretsError what is wrong is believed.
    const noTerminal = () => Promise.reject(new SecretsError("unsupported", "there is no terminal"));
    expect(await opened({ identityPath, passphrase: noTerminal })).toBe("unsupported");
  });

  it("opens identities from KEYHOLD_IDENTITY too, and binary files", async () => {
    const text = await wrapped(files.identity(), "correct horse");
    vi.stubEnv("KEYHOLD_IDENTITY", text);
    expect(await opened({ passphrase: () => "correct horse" })).toBe("not-found");
    vi.stubEnv("KEYHOLD_IDENTITY", undefined);
    const binary = path.join(files.folder, "binary");
    writeFileSync(binary, armor.decode(text), { mode: 0o600 });
    expect(await opened({ identityPath: binary, passphrase: () => "correct horse" })).toBe("not-found");
  });

  it("does not open a file that is damaged, or that was encrypted to a key", async () => {
    const passphrase = () => "correct horse";
    const text = await wrapped(files.identity(), "correct horse");
    const cut = text.split("\n").toSpliced(3, 1).join("\n");
    expect(await opened({ identityPath: identityFile(cut), passphrase })).toBe("decode");
    const encrypter = new Encrypter();
    encrypter.addRecipient(files.recipient);
    const sealed = armor.encode(await encrypter.encrypt(files.identity()));
    expect(await opened({ identityPath: identityFile(sealed), passphrase })).toBe("unsupported");
  });

  it("wraps as the age library unwraps", async () => {
    const decrypter = new Decrypter();
    decrypter.addPassphrase("correct horse");
    const text = await wrapWithPassphrase("the identity", "correct horse", 10);
    expect(await decrypter.decrypt(armor.decode(text), "text")).toBe("the identity");
  });

  it("of a new identity is asked for by initStore, and takes no more than its share of the event loop", async () => {
    const own = { path: path.join(files.folder, "second.age"), identityPath: path.join(files.folder, "second/identity.txt") };
    await expect(initStore({ ...own, passphrase: () => "" })).rejects.toMatchObject({ code: "unauthenticated" });
    const before = performance.eventLoopUtilization();
    const { recipient } = await initStore({ ...own, passphrase: () => "correct horse" });
    const store = local({ ...own, passphrase: () => "correct horse" });
    expect(await store.recipients()).toEqual([recipient]);
    // Two derivations of half a second and more. On the event loop they would keep it busy nearly all the time.
    const { utilization } = performance.eventLoopUtilization(before);
    console.log(`while two passphrases are derived, the event loop is busy for ${(utilization * 100).toFixed(0)} % of the time`);
    expect(utilization).toBeLessThan(0.5);
  });
});
