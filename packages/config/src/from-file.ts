import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { type ErrorCode, SecretsError } from "@keyhold/core";
import { parseEnvFile } from "./parse-env-file.ts";
import { parseJson } from "./parse-json.ts";
import { parseYaml } from "./parse-yaml.ts";
import type { Source } from "./source.ts";
import { type Literal, sourceError, type Tree } from "./tree.ts";
import { variablesTree } from "./variables-tree.ts";

export interface FileOptions {
  /** A file that is not there gives nothing, instead of `not-found`. An overlay is always optional. Default: false. */
  readonly optional?: boolean;
  /** For `.env` files, as in `fromEnvironment`. Default: none, so that every variable counts. */
  readonly prefix?: string;
}

type Parse = (text: string, source: string) => Tree<Literal> | Promise<Tree<Literal>>;

const maxBytes = 1024 * 1024;

/**
 * Configuration from a file of up to 1 MiB: JSON (`.json`), YAML 1.2 (`.yaml`, `.yml`) or variables (`.env`, `.env.…`). With
 * `deployment: "production"`, `config.production.yaml` beside it is laid over `config.yaml`, and `.env.production` over `.env`.
 *
 * In a `.env` file a reference with a field must stand in quotes. A relative path starts at the current folder.
 *
 * @throws SecretsError `invalid-argument` for another kind of file. Loading fails with `not-found`, `permission-denied`,
 * `decode` (not UTF-8), or `invalid-argument` with the line: not well-formed, cyclic, too deep, too large.
 */
export function fromFile(file: string | URL, options: FileOptions = {}): Source {
  const name = typeof file === "string" ? file : fileURLToPath(file);
  const parse = parserFor(name, options.prefix ?? "");
  return {
    async read(deployment) {
      const names = deployment === undefined ? [name] : [name, overlayName(name, deployment)];
      const trees: Tree<Literal>[] = [];
      for (const one of names) {
        const text = await readText(one, options.optional === true || one !== name);
        if (text !== undefined) trees.push(await parse(text, one));
      }
      return trees;
    },
  };
}

const isEnvFile = (name: string) => /^\.env(\.|$)/.test(path.basename(name)) || name.endsWith(".env");

function parserFor(name: string, prefix: string): Parse {
  if (isEnvFile(name)) return (text, source) => variablesTree(parseEnvFile(text, source), prefix, { source });
  const extension = path.extname(name);
  if (extension === ".json") return parseJson;
  if (extension === ".yaml" || extension === ".yml") return parseYaml;
  throw new SecretsError("invalid-argument", "fromFile reads .json, .yaml, .yml and .env files", {
    hint: "For another format, parse the file yourself and give the object to fromObject.",
  });
}

function overlayName(name: string, deployment: string): string {
  const { dir, name: stem, ext } = path.parse(name);
  // path.join would take a leading ./ away, and the file would have another name in errors.
  const folder = name.slice(0, name.length - path.basename(name).length) || dir;
  return `${folder}${stem}.${deployment}${ext}`;
}

async function readText(name: string, optional: boolean): Promise<string | undefined> {
  let bytes: Uint8Array;
  try {
    const found = await stat(name);
    // A FIFO or a device would block or never end.
    if (!found.isFile()) throw sourceError({ source: name }, "not a regular file", "Name a file.");
    if (found.size > maxBytes) throw sourceError({ source: name }, "larger than 1 MiB", "Keep data out of the configuration.");
    bytes = await readFile(name);
  } catch (error) {
    if (error instanceof SecretsError) throw error;
    const reason = String((error as NodeJS.ErrnoException).code);
    if (optional && reason === "ENOENT") return undefined;
    throw unreadable(name, reason);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new SecretsError("decode", `${name}: decode: not UTF-8 text`, { hint: "Save the file as UTF-8." });
  }
}

function unreadable(name: string, reason: string): SecretsError {
  const codes: Readonly<Record<string, ErrorCode>> = {
    ENOENT: "not-found",
    ENOTDIR: "not-found",
    EACCES: "permission-denied",
    EPERM: "permission-denied",
  };
  const code = codes[reason] ?? "unavailable";
  return new SecretsError(code, `${name}: ${code}: the file cannot be read (${reason})`, {
    hint:
      code === "not-found"
        ? "Check the path: a relative one starts at the current folder. With { optional: true } the file may be missing."
        : "Check who may read the file.",
  });
}
