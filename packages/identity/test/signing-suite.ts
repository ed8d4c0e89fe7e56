import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { cachedFolder, cacheFolder } from "../../../test/servers/cached-folder.ts";

const run = promisify(execFile);
const version = "1.6.4";
const folderName = `aws-sigv4-${version}-suite`;

export interface SuiteRequest {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  /** Names as they were written; several of one name joined by commas. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface SuiteCase {
  readonly name: string;
  readonly context: {
    readonly credentials: { readonly access_key_id: string; readonly secret_access_key: string; readonly token?: string };
    readonly expiration_in_seconds: number;
    readonly normalize: boolean;
    readonly region: string;
    readonly service: string;
    readonly sign_body: boolean;
    readonly timestamp: string;
    readonly omit_session_token?: boolean;
  };
  readonly request: SuiteRequest;
  /** A file of the case, such as `header-signature.txt`. */
  file(name: string): Promise<string>;
}

/**
 * AWS's own test cases. They lie in a Rust package, from where cargo brings them; they are not ours to copy. Undefined, with the
 * reason, where they are not there: fetching them belongs to the slow tests.
 */
export async function signingSuite(): Promise<{ readonly folder: string } | { readonly missing: string }> {
  const folder = path.join(cacheFolder(), folderName);
  if (existsSync(folder)) return { folder };
  if (process.env.KEYHOLD_SLOW !== "1") return { missing: "AWS's signing suite is fetched with KEYHOLD_SLOW=1 only" };
  try {
    await run("cargo", ["--version"]);
  } catch {
    return { missing: "AWS's signing suite comes by cargo, which is not installed" };
  }
  return { folder: await cachedFolder(folderName, fetchSuite) };
}

async function fetchSuite(into: string): Promise<void> {
  const crate = await mkdtemp(path.join(tmpdir(), "keyhold-suite-"));
  try {
    const dependency = `aws-sigv4 = { version = "=${version}", default-features = false }`;
    await writeFile(
      path.join(crate, "Cargo.toml"),
      `[package]\nname = "suite"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\n${dependency}\n`,
    );
    await mkdir(path.join(crate, "src"));
    await writeFile(path.join(crate, "src/lib.rs"), "");
    const { stdout } = await run("cargo", ["metadata", "--format-version=1"], { cwd: crate, maxBuffer: 64 * 1024 * 1024 });
    const { packages } = JSON.parse(stdout) as { packages: { name: string; manifest_path: string }[] };
    const manifest = packages.find(({ name }) => name === "aws-sigv4")?.manifest_path as string;
    await cp(path.join(path.dirname(manifest), "aws-signing-test-suite/v4"), into, { recursive: true });
  } finally {
    await rm(crate, { recursive: true, force: true });
  }
}

/** Reads a request as the suite writes it: unencoded characters in the path and folded header values are on purpose. */
export function parseRequest(text: string): SuiteRequest {
  const end = text.indexOf("\n\n");
  const [head, body] = end === -1 ? [text, ""] : [text.slice(0, end), text.slice(end + 2)];
  const [first = "", ...lines] = head
    .trimEnd()
    .replace(/\n(?=\s)/g, " ")
    .split("\n");
  const [, method = "", target = ""] = /^(\S+) (.*) HTTP\/1\.1$/.exec(first) ?? [];
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(":");
    const [name, value] = [line.slice(0, colon), line.slice(colon + 1)];
    headers[name] = name in headers ? `${headers[name]},${value}` : value;
  }
  const { Host: host = "", ...others } = headers;
  return { method, host, path: target, headers: others, body: body.trim() };
}

/** Every case that says how it is to be signed. */
export async function suiteCases(folder: string): Promise<SuiteCase[]> {
  const names = (await readdir(folder)).filter((name) => existsSync(path.join(folder, name, "context.json")));
  return Promise.all(
    names.sort().map(async (name) => {
      const file = (fileName: string) => readFile(path.join(folder, name, fileName), "utf8");
      return { name, context: JSON.parse(await file("context.json")), request: parseRequest(await file("request.txt")), file };
    }),
  );
}
