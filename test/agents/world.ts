import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer, type LookupFunction, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { type CertificateAuthority, certificateAuthority } from "../servers/certificates.ts";

/** A request as a host got it. */
export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export type Answer = (request: Received, response: ServerResponse) => void;

/** One of the machines that attacks happen between. */
export interface Host {
  readonly port: number;
  readonly address: string;
  /** Every byte that reached it, decrypted. */
  readonly bytes: () => Buffer;
  readonly requests: Received[];
  /** What it does with requests now. */
  answer: Answer;
  /** What it does where it is asked, as a proxy, for a tunnel. */
  tunnel: (socket: Socket, head: Buffer) => void;
}

export interface World {
  readonly ca: string;
  /** The host of the rule. */
  readonly api: Host;
  /** The attacker's. */
  readonly evil: Host;
  /** A service inside the network, on the same port as `api`, at another address. */
  readonly internal: Host;
  /** The attacker's, without TLS. Answers as a proxy would. */
  readonly plain: Host;
  /** The model's. */
  readonly model: Host;
  /** Where names lead now. */
  readonly names: Map<string, () => readonly string[]>;
  readonly lookup: LookupFunction;
  /** Forgets what was received, and lets hosts and names behave as at first. */
  reset(): void;
  close(): Promise<void>;
}

export const names = {
  api: "api.keyhold.test",
  evil: "evil.test",
  /** All that certificates are for: an attacker gets one for whatever is theirs, and some for what looks like it. */
  certified: [
    "api.keyhold.test",
    "evil.test",
    "*.evil.test",
    "api.keyhold.test.evil.test",
    "evilapi.keyhold.test",
    "sub.api.keyhold.test",
    new URL("https://\u0430pi.keyhold.test").hostname,
    "localhost",
    "127.0.0.1",
    "127.0.0.2",
    "::1",
    "0.0.0.0",
    "::ffff:7f00:2",
  ],
};

export const ok: Answer = (_request, response) => {
  response.writeHead(200, { "content-type": "application/json" }).end('{"ok":true}');
};

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("latin1");
}

async function startHost(address: string, port: number, certificates?: { readonly cert: string; readonly key: string }) {
  const bytes: Buffer[] = [];
  const requests: Received[] = [];
  const sockets = new Set<Socket>();
  const host = {
    address,
    requests,
    bytes: () => Buffer.concat(bytes),
    answer: ok,
    tunnel: (socket: Socket, _head: Buffer): void => void socket.end("HTTP/1.1 502 Bad Gateway\r\n\r\n"),
  };
  const http = createServer(async (request, response) => {
    try {
      const { method = "", url: path = "", headers } = request;
      const received = { method, path, headers, body: await readBody(request) };
      requests.push(received);
      host.answer(received, response);
    } catch {
      response.destroy();
    }
  });
  http.on("connect", (_request, socket, head) => host.tunnel(socket as Socket, head));
  const serve = (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    http.emit("connection", socket);
    // After the server, which otherwise reads past the stream's events.
    socket.on("data", (chunk: Buffer) => bytes.push(chunk));
  };
  const server = certificates ? createTlsServer({ ...certificates, ALPNProtocols: ["http/1.1"] }, serve) : createTcpServer(serve);
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, resolve);
  });
  const reset = () => {
    bytes.length = 0;
    requests.length = 0;
    host.answer = ok;
  };
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  return Object.assign(host, { port: (server.address() as AddressInfo).port, reset, close });
}

/** A second address of this machine: not every system has all of 127.0.0.0/8. */
async function startInternal(port: number, certificates: { readonly cert: string; readonly key: string }) {
  return startHost("127.0.0.2", port, certificates).catch(() => startHost("::1", port, certificates));
}

/** Starts the hosts. `lookup` knows their names; `names` may be changed under way, as an attacker's name server would. */
export async function startWorld(): Promise<World & { readonly authority: CertificateAuthority }> {
  const authority = await certificateAuthority();
  const certificates = await authority.issue({ hosts: names.certified });
  const api = await startHost("127.0.0.1", 0, certificates);
  const evil = await startHost("127.0.0.1", 0, certificates);
  const internal = await startInternal(api.port, certificates);
  const plain = await startHost("127.0.0.1", 0);
  // A proxy that leads to the attacker, who has a certificate for the name.
  plain.tunnel = (socket, head) => {
    const onward = connect(evil.port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      onward.write(head);
      onward.pipe(socket).pipe(onward);
    });
    for (const end of [socket, onward]) end.on("error", () => end.destroy());
    socket.once("close", () => onward.destroy());
  };
  const model = await startHost("127.0.0.1", 0, certificates);
  const hosts = [api, evil, internal, plain, model];
  const found = new Map<string, () => readonly string[]>();
  const lookup: LookupFunction = (hostname, options, callback) => {
    const addresses = found.get(hostname)?.() ?? ["127.0.0.1"];
    const all = addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
    if (options.all) process.nextTick(callback, null, all as never);
    else process.nextTick(callback, null, all[0]?.address, all[0]?.family);
  };
  return {
    ca: authority.ca,
    authority,
    api,
    evil,
    internal,
    plain,
    model,
    names: found,
    lookup,
    reset() {
      found.clear();
      for (const host of hosts) host.reset();
    },
    async close() {
      await Promise.all(hosts.map((host) => host.close()));
    },
  };
}
