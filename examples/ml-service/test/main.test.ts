import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { startProcess } from "../../../test/servers/processes.ts";

it("starts by one command, says where to look, and leaves no database user behind", async () => {
  const program = await startProcess({
    name: "the example",
    command: process.execPath,
    args: ["--conditions=@keyhold/source", path.join(import.meta.dirname, "../main.ts")],
    readyWithinMs: 120_000,
    ready: (output) => output.includes("Ctrl-C stops everything"),
  });
  try {
    const [score = "", ready = "", health = ""] =
      program.output().match(/http:\/\/127[^\s;]+\/(?:score\/42|readyz|healthz)/g) ?? [];
    expect(await (await fetch(score)).json()).toMatchObject({ customer: 42, score: expect.any(Number), model: { version: 1 } });
    expect(await (await fetch(ready)).json()).toMatchObject({ ready: true, connections: expect.any(Number) });
    const { secrets } = (await (await fetch(health)).json()) as { secrets: { field: string; version: string; ageMs: number }[] };
    expect(secrets.map(({ field }) => field)).toEqual(["database.login", "inference.apiKey", "registry.token"]);
    for (const { version, ageMs } of secrets) expect([typeof version, ageMs >= 0]).toEqual(["string", true]);
    process.kill(program.pid, "SIGINT");
    for (let tries = 0; !program.output().includes("database users left") && tries < 1_200; tries += 1) await sleep(100);
    expect(program.output()).toContain("ml-service: closed, leases revoked; database users left: 0");
  } finally {
    await program.stop();
  }
});
