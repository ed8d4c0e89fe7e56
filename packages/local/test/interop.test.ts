import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { local } from "@keyhold/local";
import { callContext } from "@keyhold/testing";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { type TemporaryStore, temporaryStore } from "./temporary-store.ts";

const release = "v1.3.2";
const cache = path.join(import.meta.dirname, "../../../node_modules/.cache/keyhold", `age-${release}`);

const runs = (program: string) => spawnSync(program, ["--version"]).status === 0;

/** The folder of the real programs, or "" for those on the PATH; undefined where there are none. */
function ageFolder(): string | undefined {
  if (existsSync(path.join(cache, "age")) && existsSync(path.join(cache, "age-keygen"))) return cache;
  if (process.env.KEYHOLD_SLOW === "1" && spawnSync("go", ["version"]).status === 0) {
    mkdirSync(cache, { recursive: true });
    for (const program of ["age", "age-keygen"]) {
      execFileSync("go", ["install", `filippo.io/age/cmd/${program}@${release}`], {
        env: { ...process.env, GOBIN: cache },
        stdio: "ignore",
      });
    }
    return cache;
  }
  return runs("age") && runs("age-keygen") ? "" : undefined;
}

describe("the age program", () => {
  let folder: string | undefined;
  let files: TemporaryStore | undefined;
  beforeAll(() => {
    folder = ageFolder();
  }, 240_000);
  afterEach(() => files?.remove());

  const age = (program: "age" | "age-keygen", ...options: readonly string[]) =>
    execFileSync(path.join(folder ?? "", program), options, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  /** Version 1.1 of Debian knows no post-quantum keys. */
  const knowsHybrid = () => spawnSync(path.join(folder ?? "", "age-keygen"), ["-pq"]).status === 0;

  for (const postQuantum of [false, true]) {
    const kind = postQuantum ? "post-quantum" : "X25519";

    it(`opens a store with ${kind} keys and prints readable JSON`, async (test) => {
      if (folder === undefined) test.skip("age is not installed; KEYHOLD_SLOW=1 builds it with go");
      if (postQuantum && !knowsHybrid()) test.skip("this age knows no post-quantum keys");
      files = await temporaryStore({ postQuantum });
      const store = local({ path: files.path, identityPath: files.identityPath });
      await store.write({ path: "db/password" }, { kind: "opaque", value: "p@ss/w#1%41?" }, {}, callContext());
      const text = age("age", "-d", "-i", files.identityPath, files.path);
      expect(text).toContain('"value": "p@ss/w#1%41?"');
      expect(JSON.parse(text).secrets["db/password"].versions).toHaveLength(1);
      expect(age("age-keygen", "-y", files.identityPath).trim()).toBe(files.recipient);
    });

    it(`makes ${kind} keys that open a store, and writes a store that is read`, async (test) => {
      if (folder === undefined) test.skip("age is not installed; KEYHOLD_SLOW=1 builds it with go");
      if (postQuantum && !knowsHybrid()) test.skip("this age knows no post-quantum keys");
      files = await temporaryStore({ postQuantum });
      const identityPath = path.join(files.folder, "keygen.txt");
      age("age-keygen", ...(postQuantum ? ["-pq"] : []), "-o", identityPath);
      const recipient = age("age-keygen", "-y", identityPath).trim();
      const first = local({ path: files.path, identityPath: files.identityPath });
      await first.write({ path: "db" }, { kind: "opaque", value: "v" }, {}, callContext());
      await first.changeRecipients({ add: [recipient] });
      expect((await local({ path: files.path, identityPath }).read({ path: "db" }, callContext())).content).toMatchObject({
        value: "v",
      });
      const plain = path.join(files.folder, "plain.json");
      writeFileSync(plain, age("age", "-d", "-i", identityPath, files.path).replace('"value": "v"', '"value": "by hand"'));
      age("age", "-e", "-a", "-r", recipient, "-o", path.join(files.folder, "by-hand.age"), plain);
      const byHand = local({ path: path.join(files.folder, "by-hand.age"), identityPath });
      expect((await byHand.read({ path: "db" }, callContext())).content).toMatchObject({ value: "by hand" });
    });
  }
});
