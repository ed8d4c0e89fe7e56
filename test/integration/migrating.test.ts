import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { text } from "node:stream/consumers";
import { aws } from "@keyhold/aws";
import { callContext } from "@keyhold/testing";
import { config } from "dotenv";
import { transform } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startAws } from "../servers/aws/start-aws.ts";
import { enableKv } from "../servers/openbao/secrets-engines.ts";
import { startOpenBao } from "../servers/openbao/start-openbao.ts";

// The pairs of docs/migrating.md, as they stand there: what ran before and what takes its place give the same.

const root = path.resolve(import.meta.dirname, "../..");
// Inside node_modules, so that the blocks find this workspace's packages; each run in a folder of its own.
const folder = path.join(root, "node_modules", ".cache", "keyhold", `migrating-${process.pid}`);
const canary = "hunter2-is-no-json";

/** Calls what a block exports, once for each list of words, and prints what came of each. */
const runner = `
const [file, calls] = process.argv.slice(2);
const outcomes = [];
for (const [name, ...words] of JSON.parse(calls)) {
  try {
    outcomes.push({ value: await (await import(file))[name](...words) });
  } catch (error) {
    outcomes.push({ code: error.code ?? error.name, message: error.message });
  }
}
process.stdout.write("\\n" + JSON.stringify(outcomes) + "\\n", () => process.exit());
`;

beforeAll(async () => {
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, "runner.mjs"), runner);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Run {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly input?: string;
}

/** Runs a command in a nearly empty environment, and gives what it printed. */
async function run(words: readonly string[], { env, cwd = folder, input = "" }: Run): Promise<string> {
  const [program, ...rest] = words;
  const own = { PATH: process.env.PATH ?? "", HOME: cwd, XDG_CONFIG_HOME: path.join(cwd, ".config") };
  const child = spawn(program as string, rest, { cwd, env: { ...own, ...env }, timeout: 60_000, killSignal: "SIGKILL" });
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const closed = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const [stdout, stderr, status] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  if (status !== 0) throw new Error(`${words.join(" ")}: exit status ${status}: ${stderr}`);
  return stdout;
}

interface Outcome {
  readonly value?: unknown;
  readonly code?: string;
  readonly message?: string;
}

const source = [process.execPath, "--conditions=@keyhold/source"];

/** The first two TypeScript blocks of a section: what was there before, and what comes after. */
async function pairOf(section: string): Promise<{ readonly before: string; readonly after: string }> {
  const document = await readFile(path.join(root, "docs/migrating.md"), "utf8");
  const start = document.indexOf(`\n## From ${section}\n`);
  expect(start, section).toBeGreaterThan(0);
  const blocks = [...document.slice(start).matchAll(/^```ts\n(.*?)^```/gms)].slice(0, 2).map((match) => match[1] as string);
  const files = await Promise.all(
    blocks.map(async (block, index) => {
      const file = path.join(folder, `${section.replaceAll(/[^a-z]+/gi, "-")}-${index}.mjs`);
      const { code } = await transform(block, { loader: "ts", format: "esm" });
      await writeFile(file, code);
      return file;
    }),
  );
  return { before: files[0] as string, after: files[1] as string };
}

type Call = readonly [name: string, ...words: string[]];

const program = (file: string, calls: readonly Call[]): string[] => [
  ...source,
  path.join(folder, "runner.mjs"),
  file,
  JSON.stringify(calls),
];
const outcomesIn = (printed: string) => JSON.parse(printed.trimEnd().split("\n").at(-1) as string) as Outcome[];

/** What both say to the same calls. */
async function both(section: string, calls: readonly Call[], options: Run) {
  const { before, after } = await pairOf(section);
  const [old, ours] = await Promise.all([before, after].map((file) => run(program(file, calls), options)));
  return { before: outcomesIn(old as string), after: outcomesIn(ours as string) };
}

describe("what takes the place of", () => {
  it("AWS's SDK and Powertools reads the same secrets with the same settings, and quotes no value that does not parse", async () => {
    const server = await startAws();
    try {
      const { accessKeyId, secretAccessKey } = server.credentials;
      const seeder = aws({ endpoint: server.url, region: server.region, credentials: server.credentials });
      const values = { "prod/db": JSON.stringify({ password: "p@ss/w#1" }), "prod/text": canary };
      for (const [name, value] of Object.entries(values))
        await seeder.write?.({ path: name }, { kind: "opaque", value }, {}, callContext());
      await seeder.close?.();
      const env = {
        AWS_REGION: server.region,
        AWS_ENDPOINT_URL_SECRETS_MANAGER: server.url,
        AWS_ACCESS_KEY_ID: accessKeyId,
        AWS_SECRET_ACCESS_KEY: secretAccessKey,
      };
      const password = (name: string): Call => ["password", name];
      const sdk = await both(
        "`@aws-sdk/client-secrets-manager`",
        [password("prod/db"), password("prod/none"), password("prod/text")],
        { env },
      );
      expect([sdk.before[0], sdk.after[0]]).toEqual([{ value: "p@ss/w#1" }, { value: "p@ss/w#1" }]);
      expect([sdk.before[1]?.code, sdk.after[1]?.code]).toEqual(["ResourceNotFoundException", "not-found"]);
      // The control: this is how a value gets into a log.
      expect(sdk.before[2]?.message).toContain("hunter2");
      expect(sdk.after[2]?.code).toBe("decode");
      expect(JSON.stringify(sdk.after)).not.toContain("hunter2");
      const powertools = await both("Powertools for AWS", [password("prod/db")], { env });
      expect(powertools).toEqual({ before: [{ value: "p@ss/w#1" }], after: [{ value: "p@ss/w#1" }] });
    } finally {
      await server.close();
    }
  });

  it("node-vault reads the same secret with the same variables", async () => {
    const bao = await startOpenBao();
    try {
      await enableKv(bao, "secret", 2);
      await bao.call({ path: "secret/data/db", body: { data: { password: "p@ss/w#1" } } });
      const env = { VAULT_ADDR: bao.url, VAULT_TOKEN: bao.rootToken };
      const found = await both("`node-vault`", [["password"]], { env });
      expect(found).toEqual({ before: [{ value: "p@ss/w#1" }], after: [{ value: "p@ss/w#1" }] });
    } finally {
      await bao.close();
    }
  });

  it("reading a mounted volume reads the same files", async () => {
    const mount = path.join(folder, "mounted");
    await mkdir(path.join(mount, "db/..2030"), { recursive: true });
    await symlink("..2030", path.join(mount, "db/..data"));
    const login = { username: "app", password: "p@ss/w#1" };
    for (const [name, value] of Object.entries(login)) {
      await writeFile(path.join(mount, "db/..2030", name), value);
      await symlink(`..data/${name}`, path.join(mount, "db", name));
    }
    const found = await both("Kubernetes variables and volumes", [["login"]], { env: { SECRETS_DIRECTORY: mount } });
    expect(found).toEqual({ before: [{ value: login }], after: [{ value: login }] });
  });

  it("dotenv gives the program the same variable, first without a change to its code, then by a reference", async () => {
    // Outside node_modules, where Node would not load the config file that init writes.
    const project = await mkdtemp(path.join(tmpdir(), "keyhold-migrating-"));
    try {
      const { before, after } = await pairOf("dotenv");
      const options = { env: {}, cwd: project };
      const keyhold = [...source, path.join(root, "packages/cli/src/bin.ts")];
      const same = [{ value: "sk-123" }];
      await writeFile(path.join(project, ".env"), "OPENAI_API_KEY=sk-123\n");
      expect(outcomesIn(await run(program(before, [["apiKey"]]), options))).toEqual(same);

      await run([...keyhold, "init"], options);
      const input = await run([process.execPath, "--env-file=.env", "-p", "process.env.OPENAI_API_KEY"], options);
      await run([...keyhold, "set", "openai"], { ...options, input });
      await writeFile(path.join(project, ".env"), "OPENAI_API_KEY=local://openai\n");
      const unchanged = [...keyhold, "run", "--dotenv", ".env", "--", ...program(before, [["apiKey"]])];
      expect(outcomesIn(await run(unchanged, options))).toEqual(same);
      expect(outcomesIn(await run(program(after, [["apiKey"]]), options))).toEqual(same);
    } finally {
      await rm(project, { recursive: true, force: true });
    }
  });

  it("dotenv leaves alone what keyhold run has set, unless it is told to override", async () => {
    const file = path.join(folder, "variables.env");
    await writeFile(file, "OPENAI_API_KEY=local://openai\n");
    const keys = [false, true].map((override) => {
      const processEnv = { OPENAI_API_KEY: "sk-123" };
      config({ path: file, processEnv, override, quiet: true });
      return processEnv.OPENAI_API_KEY;
    });
    expect(keys).toEqual(["sk-123", "local://openai"]);
  });
});
