import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type InitStoreOptions, initStore } from "@keyhold/local";

/** A store and its identity in a folder of their own, for one test. */
export interface TemporaryStore {
  readonly folder: string;
  readonly path: string;
  readonly identityPath: string;
  readonly recipient: string;
  /** The secret key itself, to look for where it must not be. */
  identity(): string;
  /** The bytes of the store, to see that they are the same. */
  bytes(): Buffer;
  remove(): void;
}

export function temporaryFolder(): string {
  return mkdtempSync(path.join(tmpdir(), "keyhold-local-"));
}

export async function temporaryStore(options: InitStoreOptions = {}): Promise<TemporaryStore> {
  const folder = temporaryFolder();
  mkdirSync(path.join(folder, "project"));
  const storePath = path.join(folder, "project", "keyhold.age");
  const identityPath = path.join(folder, "identity", "identity.txt");
  const { recipient } = await initStore({ path: storePath, identityPath, ...options });
  return {
    folder,
    path: storePath,
    identityPath,
    recipient,
    identity: () => /AGE-SECRET-KEY-\S+/.exec(readFileSync(identityPath, "utf8"))?.[0] ?? "",
    bytes: () => readFileSync(storePath),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
