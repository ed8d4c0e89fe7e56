import { once } from "node:events";
import { Agent, createServer, get } from "node:https";
import type { AddressInfo } from "node:net";
import { setImmediate } from "node:timers/promises";
import type { TLSSocket } from "node:tls";
import { inspect } from "node:util";
import { createSecrets } from "@keyhold/core";
import { certificateAgent } from "@keyhold/rotation";
import { memory } from "@keyhold/testing";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type CertificateAuthority, certificateAuthority } from "../../../test/servers/certificates.ts";

/** However busy the machine is. */
const eventually = <T>(check: () => T | Promise<T>) => vi.waitFor(check, { timeout: 20_000 });

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const pem = async (authority: CertificateAuthority, name: string) => {
  const { cert, key } = await authority.issue({ hosts: [name] });
  return `${key}\n${cert}`;
};

/** A server that answers with the name in the client's certificate, once `answers` lets it. */
async function start() {
  const authority = await certificateAuthority();
  const held: (() => void)[] = [];
  const connections = new Set<string>();
  const { ca, cert, key } = await authority.issue();
  const server = createServer({ ca, cert, key, requestCert: true }, (request, response) => {
    const socket = request.socket as TLSSocket;
    connections.add(`${socket.remotePort}`);
    const answer = () => response.end(socket.getPeerCertificate().subject.CN);
    if (request.url === "/held") held.push(answer);
    else answer();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const secrets = createSecrets({ providers: { memory: memory({ secrets: { client: await pem(authority, "first") } }) } });
  const handle = await secrets.handle("memory://client");
  const errors: unknown[] = [];
  const agent = await certificateAgent({ handle, agent: { ca, maxSockets: 2 }, onError: (error) => errors.push(error) });
  ends.push(
    () => new Promise((resolve) => server.close(resolve)),
    () => server.closeAllConnections(),
    () => secrets.close(),
    () => agent.destroy(),
  );
  const ask = (path = "/", through: Agent = agent) =>
    new Promise<string>((resolve, reject) => {
      get({ host: "127.0.0.1", port: (server.address() as AddressInfo).port, path, agent: through }, (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (chunk) => (text += chunk));
        answer.on("end", () => resolve(text)).on("error", reject);
      }).on("error", reject);
    });
  const rotate = async (name: string) => secrets.put("memory://client", await pem(authority, name));
  return { authority, secrets, handle, agent, ask, rotate, held, connections, errors, server };
}

describe("an agent whose client certificate rotates", () => {
  it("shows the newest certificate, and keeps connections in between", async () => {
    const { ask, rotate, connections } = await start();
    expect([await ask(), await ask()]).toEqual(["first", "first"]);
    expect(connections.size).toBe(1);
    for (const name of ["second", "third"]) {
      await rotate(name);
      await eventually(async () => expect(await ask()).toBe(name));
    }
    expect(await ask()).toBe("third");
  });

  it("lets requests end that are under way or wait for a connection, and closes what is idle then", async () => {
    const { ask, handle, rotate, held, server } = await start();
    const before = handle.current;
    const asked = [ask("/held"), ask("/held"), ask("/held")];
    await eventually(() => expect(held).toHaveLength(2));
    await rotate("second");
    await eventually(() => expect(handle.current.equals(before)).toBe(false));
    await setImmediate();
    expect(await ask()).toBe("second");
    for (const answer of held.splice(0)) answer();
    await eventually(() => expect(held).toHaveLength(1));
    held[0]?.();
    expect(await Promise.all(asked)).toEqual(["first", "first", "first"]);
    const open = () =>
      new Promise<number>((resolve, reject) => server.getConnections((error, count) => (error ? reject(error) : resolve(count))));
    await eventually(async () => expect(await open()).toBe(1));
  });

  it("goes on with the certificate before while a new one cannot be used", async () => {
    const { ask, secrets, errors } = await start();
    await secrets.put("memory://client", "no certificate");
    await eventually(() => expect(errors).toHaveLength(1));
    expect(errors[0]).toMatchObject({ code: "decode" });
    expect(await ask()).toBe("first");
  });

  it("shows its key nowhere, where an agent that is given one carries it in the names of its sockets", async () => {
    const { agent, ask, authority } = await start();
    await ask();
    const naive = new Agent({ keepAlive: true, ...(await authority.issue()) });
    ends.push(() => naive.destroy());
    await ask("/", naive);
    const shown = (one: Agent) => inspect(one, { depth: 8, showHidden: true }).includes("PRIVATE KEY");
    expect([shown(agent), shown(naive)]).toEqual([false, true]);
  });

  it("follows no longer once it is destroyed", async () => {
    const { agent, rotate, errors, secrets } = await start();
    agent.destroy();
    await rotate("second");
    await secrets.close();
    expect(errors).toEqual([]);
  });
});
