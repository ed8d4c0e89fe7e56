import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Weather } from "../figures/subject.ts";
import { answerHeaders, serviceAnswer } from "./service-answers.ts";

/** A local GetSecretValue that answers every name at once, with the weather of the day, and counts. */
export interface Service {
  readonly url: string;
  weather: Weather;
  calls: number;
  close(): Promise<void>;
}

export async function startService(weather: Weather): Promise<Service> {
  const server = createServer(async (request, response) => {
    service.calls += 1;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { status, body } = serviceAnswer(service.weather, JSON.parse(Buffer.concat(chunks).toString()).SecretId);
    response.writeHead(status, { ...answerHeaders, "content-length": String(body.length) });
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const service: Service = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    weather,
    calls: 0,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return service;
}
