import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fromFile, loadConfig } from "@keyhold/config";
import { apiKeyAuth, conjur } from "@keyhold/conjur";
import { type Clock, createSecrets, type SecretsEvent, type SnapshotStore, secret } from "@keyhold/core";
import { initStore, snapshot } from "@keyhold/local";
import { manualClock } from "@keyhold/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import { z } from "zod";
import { startConjur } from "../servers/conjur/start-conjur.ts";

const canary = "C4N4RY-password";
const yaml = `
database:
  url: postgres://app:\${conjur://app/password}@db/app
key: conjur://app/key
`;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "keyhold-warm-start-"));
  await writeFile(path.join(folder, "config.yaml"), yaml);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The same program at each start. */
async function startProgram(provider: ReturnType<typeof conjur>, store: SnapshotStore | undefined, clock?: Clock) {
  const events: SecretsEvent[] = [];
  const secrets = createSecrets({
    providers: { conjur: provider },
    snapshot: store,
    deadlineMs: 60_000,
    ...(clock && { clock }),
    onEvent: (event) => void events.push(event),
  });
  try {
    const config = await loadConfig({
      secrets,
      sources: [fromFile(path.join(folder, "config.yaml"))],
      schema: z.object({ database: z.object({ url: z.string().transform(secret) }), key: z.string().transform(secret) }),
    });
    return { texts: [config.database.url.text(), config.key.text()], events: events.map(({ type }) => type) };
  } finally {
    await secrets.close();
  }
}

it("loadConfig works while Conjur is down, by a snapshot of an earlier start; without one it fails", async () => {
  const server = await startConjur();
  server.seedPolicy("- !policy { id: app, body: [!variable password, !variable key] }");
  server.seed("app/password", canary);
  server.seed("app/key", "k");
  const file = path.join(folder, "last-known-good");
  const identityPath = path.join(folder, "identity", "identity.txt");
  await initStore({ path: path.join(folder, "keyhold.age"), identityPath });
  const store = () => snapshot({ path: file, identityPath });
  const auth = apiKeyAuth({ login: "admin", apiKey: server.adminApiKey });
  const open = () => conjur({ url: server.url, account: server.account, auth, tls: { ca: server.ca } });
  const expected = [`postgres://app:${canary}@db/app`, "k"];

  expect((await startProgram(open(), store())).texts).toEqual(expected);
  expect((await readFile(file)).includes(canary)).toBe(false);

  server.faults.next({ kind: "hang" }, { times: 1_000 });
  // Simulated time goes on once what is waited for has happened, however busy the machine is.
  const clock = manualClock();
  clock.setWall(Date.now());
  const kept = store();
  const reading = Promise.withResolvers<void>();
  const read = () => kept.read().finally(() => reading.resolve());
  const starting = startProgram(open(), { ...kept, read }, clock);
  await expect.poll(() => clock.timers).toBeGreaterThan(0);
  await clock.advance(30_000);
  await reading.promise;
  await clock.advance(30_000);
  const hanging = await starting;
  expect(hanging.texts).toEqual(expected);
  expect(hanging.events).toEqual(["snapshot-used", "snapshot-used"]);
  await server.close();
  const down = await startProgram(open(), store());
  expect(down.texts).toEqual(expected);
  await expect(startProgram(open(), undefined)).rejects.toMatchObject({ code: "unavailable" });
});
