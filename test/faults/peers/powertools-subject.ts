import type { SecretsManagerClientConfig } from "@aws-sdk/client-secrets-manager";
import { vi } from "vitest";
import type { Subject, Weather } from "../figures/subject.ts";
import { powertools } from "./powertools.ts";
import { answerHeaders, serviceAnswer } from "./service-answers.ts";

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/**
 * Powertools, which reads `Date` and has no clock to give it: Vitest's fake timers move `Date` and `setTimeout`, the SDK's pauses
 * between tries included. Answers come from the SDK's own request handler instead of a socket, as hundreds of thousands are asked for.
 */
export function powertoolsSubject(): Subject {
  const startedAt = Date.UTC(2030, 0, 1);
  vi.useFakeTimers({ now: startedAt, toFake: ["Date", "setTimeout", "clearTimeout"] });
  const refused = new Map<string, number>();
  let weather: Weather = "healthy";
  let calls = 0;
  const requestHandler = {
    metadata: { handlerProtocol: "http/1.1" },
    async handle(request: { readonly body: Uint8Array }) {
      calls += 1;
      const name = JSON.parse(new TextDecoder().decode(request.body)).SecretId as string;
      if (weather === "403" && !refused.has(name)) refused.set(name, Date.now() - startedAt);
      const { status, body } = serviceAnswer(weather, name);
      return { response: { statusCode: status, headers: answerHeaders, body: new TextEncoder().encode(body) } };
    },
  };
  const provider = powertools({ requestHandler: requestHandler as unknown as SecretsManagerClientConfig["requestHandler"] & {} });
  return {
    name: "Powertools",
    settings: "defaults: maxAge 5 s; the SDK tries three times",
    read: (key) => provider.get(key),
    setWeather(next) {
      weather = next;
    },
    get calls() {
      return calls;
    },
    async advance(ms) {
      await turn();
      vi.advanceTimersByTime(ms);
      await turn();
    },
    refusedAt: (key) => refused.get(key),
    now: () => Date.now() - startedAt,
    async close() {
      provider.client.destroy();
      vi.useRealTimers();
    },
  };
}
