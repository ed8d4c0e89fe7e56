import { aws } from "@keyhold/aws";
import { createSecrets } from "@keyhold/core";
import { LRUCache } from "lru-cache";
import { lruCacheSettings } from "../peers/lru-cache-subject.ts";
import { powertools } from "../peers/powertools.ts";
import { type Service, startService } from "../peers/start-service.ts";
import type { Weather } from "./subject.ts";

const credentials = { accessKeyId: "AKIATEST", secretAccessKey: "test" };

/** Something that reads one secret from a service, held or not. */
interface Reading {
  read(): Promise<unknown>;
  close(): Promise<void>;
}

const readings: Readonly<Record<string, (service: Service) => Reading>> = {
  Keyhold(service) {
    const provider = aws({ endpoint: service.url, region: "eu-west-1", credentials });
    const secrets = createSecrets({ providers: { aws: provider }, deadlineMs: 60_000 });
    return { read: () => secrets.get("aws://cold"), close: () => secrets.close() };
  },
  "lru-cache fetch()"(service) {
    const body = JSON.stringify({ SecretId: "cold" });
    const cache = new LRUCache<string, string>({
      ...lruCacheSettings,
      async fetchMethod() {
        const response = await fetch(service.url, { method: "POST", body });
        if (!response.ok) throw new Error(`status ${response.status}`);
        return response.text();
      },
    });
    return { read: () => cache.fetch("cold"), close: async () => cache.clear() };
  },
  Powertools(service) {
    const provider = powertools({ endpoint: service.url });
    return { read: () => provider.get("cold"), close: async () => provider.client.destroy() };
  },
};

export const coldReaders: readonly string[] = Object.keys(readings);

/** Upstream calls over real sockets, and how many callers failed, when so many ask for one key that nobody holds. */
export async function coldKey(
  reader: string,
  weather: Weather,
  callers: number,
): Promise<{ readonly calls: number; readonly errors: number }> {
  const service = await startService(weather);
  const reading = readings[reader]!(service);
  try {
    const results = await Promise.allSettled(Array.from({ length: callers }, () => reading.read()));
    return { calls: service.calls, errors: results.filter(({ status }) => status === "rejected").length };
  } finally {
    await reading.close();
    await service.close();
  }
}
