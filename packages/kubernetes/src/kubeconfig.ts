import path from "node:path";
import { SecretsError } from "@keyhold/core";
import { readText } from "./read-text.ts";

type Fields = Readonly<Record<string, unknown>>;

/** A named part of a kubeconfig. */
export interface Entry {
  readonly fields: Fields;
  /** The file's folder, from which relative paths are meant. */
  readonly directory: string;
}

/** https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/ */
export interface Kubeconfig {
  readonly clusters: ReadonlyMap<string, Entry>;
  readonly users: ReadonlyMap<string, Entry>;
  readonly contexts: ReadonlyMap<string, Entry>;
  readonly currentContext: string | undefined;
}

export const refuse = (message: string, hint: string): SecretsError =>
  new SecretsError("invalid-argument", `kubeconfig: ${message}`, { provider: "kubernetes", hint });

export const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value);

/** A text of an entry; undefined where there is none or an empty one. */
export function textOf({ fields }: Pick<Entry, "fields">, name: string): string | undefined {
  const value = fields[name] ?? undefined;
  if (value === undefined || value === "") return undefined;
  if (typeof value !== "string") throw refuse(`${name} is no text`, "Put it in quotes.");
  return value;
}

/** A path of an entry, absolute. */
export function fileOf(entry: Entry, name: string): string | undefined {
  const file = textOf(entry, name);
  return file === undefined ? undefined : path.resolve(entry.directory, file);
}

/** What stands in the file as base64. */
export function decodedOf(entry: Entry, name: string): string | undefined {
  const text = textOf(entry, name);
  if (text === undefined) return undefined;
  if (!/^[A-Za-z0-9+/\s]+={0,2}\s*$/.test(text))
    throw refuse(`${name} is no base64`, "It holds the PEM file, encoded as base64.");
  return Buffer.from(text, "base64").toString("utf8");
}

/** The parser's messages quote the file, where tokens stand, so only line numbers are taken from them. */
async function parse(text: string, file: string): Promise<Fields> {
  const { LineCounter, parseDocument } = await import("yaml");
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, schema: "core", prettyErrors: false, logLevel: "error" });
  const problem = document.errors[0];
  if (problem) throw refuse(`${file} is no YAML, at line ${lineCounter.linePos(problem.pos[0]).line}`, "Correct the file.");
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch {
    throw refuse(`${file} has too many aliases`, "A kubeconfig needs none.");
  }
  if (value === null) return {};
  if (!isFields(value)) throw refuse(`${file} is no kubeconfig`, "See: kubectl config view.");
  return value;
}

function addNamed(found: Map<string, Entry>, config: Fields, list: string, item: string, directory: string): void {
  const entries = config[list] ?? [];
  if (!Array.isArray(entries)) throw refuse(`${list} is no list`, "See: kubectl config view.");
  for (const entry of entries as readonly unknown[]) {
    const { name, [item]: fields = {} } = isFields(entry) ? entry : {};
    if (typeof name !== "string" || !isFields(fields))
      throw refuse(`an entry of ${list} is malformed`, "See: kubectl config view.");
    // As kubectl merges: the first file to name something wins, whole.
    if (!found.has(name)) found.set(name, { fields, directory });
  }
}

/**
 * Reads and merges kubeconfig files.
 *
 * @throws SecretsError `invalid-argument` for what is none, `unauthenticated` for one that cannot be read.
 */
export async function readKubeconfig(files: readonly string[]): Promise<Kubeconfig> {
  const clusters = new Map<string, Entry>();
  const users = new Map<string, Entry>();
  const contexts = new Map<string, Entry>();
  let currentContext: string | undefined;
  for (const file of files) {
    const config = await parse(await readText(file, "the kubeconfig", "unauthenticated"), file);
    const directory = path.dirname(path.resolve(file));
    addNamed(clusters, config, "clusters", "cluster", directory);
    addNamed(users, config, "users", "user", directory);
    addNamed(contexts, config, "contexts", "context", directory);
    currentContext ??= textOf({ fields: config }, "current-context");
  }
  return { clusters, users, contexts, currentContext };
}
