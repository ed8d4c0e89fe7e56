import { randomBytes } from "node:crypto";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { initStore } from "@keyhold/local";
import type { Secrets } from "keyhold";
import type { Servers } from "../../test/servers/start-servers.ts";
import { placesIn } from "./providers.ts";

type Name = "aws" | "azure" | "gcp" | "vault" | "conjur" | "kubernetes" | "local";

const random = () => randomBytes(24).toString("base64url");

/** Puts a value into each backend: by one call for all of them, and what a backend wants beforehand. */
export async function seed(secrets: Secrets<Name>, servers: Servers, folder: string): Promise<void> {
  const { store, mounts } = placesIn(folder);
  await mkdir(path.dirname(store.path));
  await initStore(store);
  servers.conjur.seedPolicy("- !variable ml/queue/password");
  await servers.kubernetes?.createNamespace("ml");
  await Promise.all([
    secrets.put("aws://ml/openai", { apiKey: `sk-${random()}` }),
    secrets.put("azure://search-api-key", random()),
    secrets.put("gcp://embeddings-api-key", random()),
    secrets.put("vault://secret/ml/database", { password: `${random()}/#@` }),
    secrets.put("conjur://ml/queue/password", random()),
    servers.kubernetes
      ? secrets.put("kubernetes://webhook", { token: random() })
      : mount(path.join(mounts, "webhook"), { token: random() }),
    secrets.put("local://session-key", random()),
  ]);
}

/** Lays the fields out as a kubelet does: the files in a folder of their own, and links that lead there through `..data`. */
async function mount(folder: string, fields: Readonly<Record<string, string>>): Promise<void> {
  const version = "..2026_01_02_03_04_05.1";
  await mkdir(path.join(folder, version), { recursive: true });
  await symlink(version, path.join(folder, "..data"));
  for (const [name, value] of Object.entries(fields)) {
    await writeFile(path.join(folder, version, name), value);
    await symlink(path.join("..data", name), path.join(folder, name));
  }
}
