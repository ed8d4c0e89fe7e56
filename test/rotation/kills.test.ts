import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { initStore } from "@keyhold/local";
import pg from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type AwsServer, startAws } from "../servers/aws/start-aws.ts";
import { enableKv } from "../servers/openbao/secrets-engines.ts";
import { type OpenBao, startOpenBao } from "../servers/openbao/start-openbao.ts";
import { type PostgresServer, startPostgres } from "../servers/postgres/start-postgres.ts";
import { writeFigure } from "./figures.ts";
import { type KillPlace, open, providerOf, referenceTo } from "./kill-place.ts";

const strategies = ["alternating", "single"] as const;
type Strategy = (typeof strategies)[number];

/** Who is killed at one of these leaves a value pending, for the next to go on with. */
const pendingAfter = new Set([
  "after keeping",
  "create done",
  "set started",
  "after begin",
  "after alter",
  "after commit",
  "set done",
  "test started",
  "test done",
  "promote started",
  "before promoting",
  "after promoting",
  "promote done",
  "before clearing",
]);

let postgres: PostgresServer;
let bao: OpenBao;
let aws: AwsServer;
let folder: string;
const places = new Map<string, KillPlace>();

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "keyhold-kills-"));
  [postgres, bao, aws] = await Promise.all([startPostgres(), startOpenBao(), startAws()]);
  await enableKv(bao, "kv", 2);
  await mkdir(path.join(folder, "store"));
  const store = { path: path.join(folder, "store", "keyhold.age"), identityPath: path.join(folder, "identity.txt") };
  await initStore(store);
  places.set("local", { kind: "local", ...store });
  places.set("OpenBao", { kind: "openbao", address: bao.url, token: bao.rootToken });
  places.set("AWS", { kind: "aws", endpoint: aws.url, region: aws.region, credentials: aws.credentials });
});
afterAll(async () => {
  await Promise.all([postgres?.close(), bao?.close(), aws?.close()]);
  await rm(folder, { recursive: true, force: true });
});

async function asSuperuser(text: string): Promise<void> {
  const client = new pg.Client(postgres.url);
  await client.connect();
  await client.query(text).finally(() => client.end());
}

/** A role, and the secret that holds its first login. */
async function seed(place: KillPlace, name: string): Promise<void> {
  const login = { username: `${place.kind}_${name}`, password: "the-first-one", host: "127.0.0.1", port: postgres.port };
  await asSuperuser(`create role "${login.username}" login password '${login.password}'`);
  const secrets = open(await providerOf(place));
  await secrets.put(referenceTo(place, name), { ...login, dbname: "postgres" });
  await secrets.close();
}

function start(program: string, order: unknown) {
  const file = fileURLToPath(new URL(`children/${program}.ts`, import.meta.url));
  const args = ["--conditions=@keyhold/source", "--disable-warning=ExperimentalWarning", file, JSON.stringify(order)];
  const cache = fileURLToPath(new URL("../../node_modules/.cache/keyhold-kills", import.meta.url));
  const child = spawn(process.execPath, args, {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, NODE_COMPILE_CACHE: cache },
  });
  return { child, lines: createInterface({ input: child.stdout }) };
}

interface Run {
  readonly killed: boolean;
  readonly resumed?: boolean;
  readonly moments?: readonly string[];
}

/** Ends what the run before left, and rotates once more: to the end, or to its death. */
async function rotate(place: KillPlace, name: string, strategy: Strategy, more: Record<string, unknown> = {}): Promise<Run> {
  const { child, lines } = start("rotating-child", { place, name, strategy, admin: postgres.url, ...more });
  let said = {};
  lines.on("line", (line) => {
    said = { ...said, ...JSON.parse(line) };
  });
  const [status, signal] = (await once(child, "close")) as [number | null, string | null];
  if (signal !== "SIGKILL") expect(status).toBe(0);
  return { killed: signal === "SIGKILL", ...said };
}

/** Signs in all the time, until it is asked for what it saw. */
async function startLogins(place: KillPlace, names: readonly string[]) {
  const { child, lines } = start("login-child", { place, names });
  await once(lines, "line");
  return async (): Promise<{ logins: number; failures: Record<string, number> }> => {
    const said = once(lines, "line");
    child.stdin.end();
    const result = JSON.parse((await said)[0]);
    await once(child, "close");
    return result;
  };
}

it.concurrent.each(["local", "OpenBao", "AWS"])(
  "a rotation in %s that is killed at any moment is gone on with, and a second process signs in all the while",
  async (title) => {
    const place = places.get(title) as KillPlace;
    for (const strategy of strategies) await seed(place, strategy);
    const end = await startLogins(place, strategies);
    let [kills, resumed, seen] = [0, 0, 0];
    for (const [turn, strategy] of strategies.entries()) {
      // What there is to be killed at: the first run tells.
      const { moments = [] } = await rotate(place, strategy, strategy);
      seen = moments.length;
      expect(seen).toBeGreaterThan(15);
      // Each moment three times: twice with one strategy, once with the other.
      const orders = moments.flatMap((moment, index) => (index % 2 === turn ? [moment, moment] : [moment]));
      let before = "none";
      for (const moment of [...orders, "none"]) {
        const run = await rotate(place, strategy, strategy, { moment });
        if (run.resumed) resumed += 1;
        if (pendingAfter.has(before)) expect([before, run.resumed]).toEqual([before, true]);
        before = moment;
        if (run.killed) kills += 1;
        // A write may have ended before the middle of it came.
        else expect(moment).toMatch(/^(?:during .*|none)$/);
      }
    }
    const { logins, failures } = await end();
    console.log(
      `${title}: ${kills} kills at ${seen} moments, ${resumed} rotations gone on with; ${logins} logins meanwhile, failed: ${JSON.stringify(failures)}`,
    );
    const failed = Object.values(failures).reduce((sum, count) => sum + count, 0);
    writeFigure(
      "killed",
      { figure: `${title}: ${kills} kills, ${resumed} resumed, ${failed} of ${logins} logins failed` },
      title,
    );
    expect(failures).toEqual({});
  },
);

it("the control: without a pending value, the same death between two steps loses the credential", async () => {
  const place = places.get("local") as KillPlace;
  const name = "naive";
  await seed(place, name);
  const end = await startLogins(place, [name]);
  let lost = 0;
  for (let turn = 0; turn < 3; turn++) {
    const run = await rotate(place, name, "single", { naive: true, moment: "between setting and writing" });
    expect(run.killed).toBe(true);
    const secrets = open(await providerOf(place));
    const {
      username: user,
      password,
      host,
      port,
      dbname: database,
    } = (await secrets.get(referenceTo(place, name))).json() as any;
    const client = new pg.Client({ user, password, host, port, database });
    const refused = await client.connect().then(
      () => undefined,
      ({ code }) => code,
    );
    await client.end().catch(() => {});
    if (refused === "28P01") lost += 1;
    await secrets.close();
    await asSuperuser(`alter role "${user}" password '${password}'`);
  }
  const { logins, failures } = await end();
  const failed = Object.values(failures).reduce((sum, count) => sum + count, 0);
  console.log(
    `control, no pending value: ${lost} of 3 kills lost the credential; ${failed} of ${logins} logins failed meanwhile`,
  );
  writeFigure("killed", { control: `no pending value: ${lost} of 3 lost, ${failed} of ${logins} logins failed` }, "control");
  expect(lost).toBe(3);
  expect(failed).toBeGreaterThan(0);
});
