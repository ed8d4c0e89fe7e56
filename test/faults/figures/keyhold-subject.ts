import { aws } from "@keyhold/aws";
import { createSecrets, SecretsError } from "@keyhold/core";
import { manualClock, memory } from "@keyhold/testing";
import { startService } from "../peers/start-service.ts";
import { seededRandom } from "../random.ts";
import { tracked } from "../tracked.ts";
import type { Subject } from "./subject.ts";

/** Keyhold with its default options, over a backend in memory. */
export function keyholdSubject(seed: number): Subject {
  const clock = manualClock();
  const secrets = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`key-${index}`, "value"]));
  const provider = tracked(memory({ secrets }));
  const client = createSecrets({ providers: { m: provider }, clock, random: seededRandom(seed) });
  return {
    name: "Keyhold",
    settings: "defaults",
    read: (key) => client.get(`m://${key}`),
    setWeather(weather) {
      provider.failure =
        weather === "healthy"
          ? undefined
          : new SecretsError(weather === "503" ? "unavailable" : "permission-denied", `status ${weather}`);
    },
    get calls() {
      return provider.calls;
    },
    advance: (ms) => clock.advance(ms),
    refusedAt: (key) => provider.refusedAt.get(key),
    now: () => clock.monotonic(),
    close: () => client.close(),
  };
}

/** Keyhold with its default options, its AWS provider and real sockets. Time stands still while an answer is on its way. */
export async function keyholdSocketSubject(seed: number): Promise<Subject> {
  const clock = manualClock();
  const service = await startService("healthy");
  const credentials = { accessKeyId: "AKIATEST", secretAccessKey: "test" };
  const provider = tracked(aws({ endpoint: service.url, region: "eu-west-1", credentials }));
  const client = createSecrets({ providers: { m: provider }, clock, random: seededRandom(seed) });
  return {
    name: "Keyhold over sockets",
    settings: "defaults",
    read: (key) => client.get(`m://${key}`),
    setWeather(weather) {
      service.weather = weather;
    },
    get calls() {
      return service.calls;
    },
    async advance(ms) {
      // Whoever was just asked for begins in a turn of its own.
      await clock.advance(0);
      await provider.idle();
      await clock.advance(ms);
    },
    refusedAt: (key) => provider.refusedAt.get(key),
    now: () => clock.monotonic(),
    async close() {
      await client.close();
      await service.close();
    },
  };
}
