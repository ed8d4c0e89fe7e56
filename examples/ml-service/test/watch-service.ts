import { setTimeout as sleep } from "node:timers/promises";
import type { SecretState } from "../app.ts";

/** What `/readyz` said. */
export interface Report {
  readonly at: number;
  readonly status: number;
  readonly text: string;
  readonly connections: number;
  readonly events: Readonly<Record<string, number>>;
  readonly secrets: readonly SecretState[];
}

/** Asks a service twice a second how it is. */
export interface Watched {
  readonly reports: readonly Report[];
  /** Waits for a report that is so. Fails where none comes within two minutes, or the service does not answer. */
  until(what: string, isSo: (report: Report) => boolean): Promise<Report>;
  /** How many database connections it had made by then. */
  connectionsAt(at: number): number;
  end(): Promise<void>;
}

export function watchService(url: string): Watched {
  const reports: Report[] = [];
  let isOver = false;
  let failure: unknown;
  const look = async () => {
    const answer = await fetch(`${url}/readyz`);
    const text = await answer.text();
    const { connections, events = {}, secrets } = JSON.parse(text) as Report;
    reports.push({ at: Date.now(), status: answer.status, text, connections, events, secrets });
  };
  const looking = (async () => {
    for (; !isOver; await sleep(500)) await look();
  })().catch((error) => {
    failure = error;
  });
  return {
    reports,
    async until(what, isSo) {
      const from = reports.length;
      for (const endsAt = Date.now() + 120_000; Date.now() < endsAt; await sleep(100)) {
        if (failure !== undefined) throw failure;
        const found = reports.slice(from).find(isSo);
        if (found !== undefined) return found;
      }
      throw new Error(`${what}: not within two minutes; the last report was ${reports.at(-1)?.text}`);
    },
    connectionsAt: (at) => reports.findLast((report) => report.at <= at)?.connections ?? 0,
    async end() {
      isOver = true;
      await looking;
      if (failure !== undefined) throw failure;
    },
  };
}
