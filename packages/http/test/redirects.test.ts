import { httpClient } from "@keyhold/http";
import { callContext } from "@keyhold/testing";
import { afterAll, describe, expect, it } from "vitest";
import { answer, type RawServer, rawServer } from "./servers.ts";

const token = "canary-token-5f1c";
const headers = { "x-vault-token": token, "x-api-key": token, "x-amz-security-token": token, authorization: `Bearer ${token}` };
const statuses = [300, 301, 302, 303, 305, 307, 308];

const servers: RawServer[] = [];
afterAll(() => Promise.all(servers.map((server) => server.close())));

/** A server that sends everybody on to another one, which writes down what it gets. */
async function redirector(status: number) {
  const target = await rawServer((socket) => socket.end(answer("{}")));
  const location = `http://127.0.0.1:${target.port}/stolen`;
  const server = await rawServer((socket) => socket.end(answer("", { location }, `${status} Elsewhere`)));
  servers.push(target, server);
  return { target, server };
}

describe("a redirect to another host", () => {
  it("is never followed: an error says what to configure, and does not name the target", async () => {
    for (const status of statuses) {
      const { target, server } = await redirector(status);
      const client = httpClient({ baseUrl: server.url });
      const error = await client.request({ path: "/v1/secret", headers }, callContext()).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({
        code: "unavailable",
        retryable: false,
        message: expect.stringContaining(`status ${status}`),
      });
      const watch = await client.stream({ path: "/v1/secret", headers }, callContext()).catch((thrown: unknown) => thrown);
      expect(watch).toMatchObject({ code: "unavailable", retryable: false });
      expect(`${(error as Error).stack}${JSON.stringify(error)}`).not.toMatch(new RegExp(`stolen|${target.port}`));
      expect(target.requests).toEqual([]);
      client.close();
    }
  });

  it("takes credentials along under a plain fetch, the control", async () => {
    const leaks = new Set<string>();
    let followed = 0;
    for (const status of statuses) {
      const { target, server } = await redirector(status);
      await fetch(`${server.url}/v1/secret`, { headers });
      followed += target.requests.length;
      for (const request of target.requests) {
        for (const name of Object.keys(headers)) if (request.toLowerCase().includes(`${name}: ${token}`)) leaks.add(name);
      }
    }
    console.log(
      `${statuses.length} redirects: @keyhold/http follows 0; fetch follows ${followed} and hands over ${[...leaks].join(", ")}`,
    );
    expect(leaks.size).toBeGreaterThan(0);
  });
});
