import { createServer as createHttpServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { type Certificates, makeCertificates } from "./certificates.ts";
import { createFaultPlan, type Fault, type FaultPlan, largeBytes } from "./faults.ts";

/** A request as a service sees it: the path undecoded, the query decoded, the whole body. */
export interface ServiceRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface ServiceAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** What went over the wire. No answer: the request hung. */
export interface Exchange {
  readonly request: ServiceRequest;
  readonly answer?: ServiceAnswer;
  /** The fault that struck it. */
  readonly fault?: Fault["kind"];
}

/** Notes that a client did what the real service would not let pass. Never hand it a value. */
export type Violate = (what: string) => void;

export interface HttpsServiceOptions {
  readonly handle: (request: ServiceRequest, violate: Violate) => ServiceAnswer | Promise<ServiceAnswer>;
  /** By default new ones for localhost and 127.0.0.1; false: plain HTTP. */
  readonly tls?: Certificates | false;
  /** Body and headers of a `status` fault, as this service writes them. */
  readonly failure?: (status: number) => Omit<ServiceAnswer, "status">;
  /** What a `wrong-crc` fault makes of an answer. */
  readonly corrupt?: (answer: ServiceAnswer) => ServiceAnswer;
  /** Looks at each exchange that no fault struck and that broke no rule; what it returns becomes violations. */
  readonly check?: (exchange: Exchange) => readonly string[];
  readonly faults?: FaultPlan;
  /** What faults match a request by, where many operations share one path. By default `METHOD path`. */
  readonly label?: (request: ServiceRequest) => string;
}

/** What every server here gives. */
export interface HttpsService {
  readonly url: string;
  readonly port: number;
  /** PEM text to trust. Empty over plain HTTP. */
  readonly ca: string;
  /** What clients did wrong. Must be empty at the end of each test. */
  readonly violations: string[];
  readonly faults: FaultPlan;
  readonly requests: Exchange[];
  /** How many requests have come and wait for their answer. */
  readonly waiting: number;
  close(): Promise<void>;
}

/** JSON with the usual headers. */
export function json(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): ServiceAnswer {
  return { status, headers: { "content-type": "application/json; charset=utf-8", ...headers }, body: JSON.stringify(value) };
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function send(response: ServerResponse, answer: ServiceAnswer, bodyBytes?: Buffer): void {
  const body = bodyBytes ?? Buffer.from(answer.body ?? "");
  const length = answer.status === 204 ? {} : { "content-length": String(body.length) };
  response.writeHead(answer.status, { date: new Date().toUTCString(), ...answer.headers, ...length });
  response.end(body);
}

/** Writes 10 MB as the client reads, and stops when it goes away. */
function sendLarge(response: ServerResponse): void {
  const opening = '{"value":"';
  const closing = '"}';
  response.writeHead(200, { "content-type": "application/json", "content-length": String(largeBytes) });
  response.write(opening);
  const piece = Buffer.alloc(64 * 1024, "a");
  let left = largeBytes - opening.length - closing.length;
  const more = () => {
    while (left > 0 && !response.destroyed) {
      const part = piece.subarray(0, Math.min(left, piece.length));
      left -= part.length;
      if (!response.write(part)) {
        response.once("drain", more);
        return;
      }
    }
    if (!response.destroyed) response.end(closing);
  };
  more();
}

/** Starts a service on a free port of 127.0.0.1. Faults strike beneath its handler, on real sockets. */
export async function startHttpsService(options: HttpsServiceOptions): Promise<HttpsService> {
  const certificates = options.tls === false ? undefined : (options.tls ?? (await makeCertificates()));
  const faults = options.faults ?? createFaultPlan();
  const violations: string[] = [];
  let waiting = 0;
  const requests: Exchange[] = [];
  // A reset needs the TCP socket: a TLS socket has none to reset.
  const sockets = new Map<number, Socket>();

  const strike = async (
    fault: Fault,
    response: ServerResponse,
    ask: () => Promise<ServiceAnswer>,
  ): Promise<ServiceAnswer | undefined> => {
    switch (fault.kind) {
      case "status": {
        const usual = fault.body === undefined ? options.failure?.(fault.status) : { body: fault.body };
        return { status: fault.status, ...usual, headers: { ...usual?.headers, ...fault.headers } };
      }
      case "hang":
        return undefined;
      case "reset": {
        const answer = await ask();
        const body = Buffer.from(answer.body ?? "");
        response.writeHead(answer.status, { ...answer.headers, "content-length": String(body.length + 64) });
        response.write(body.subarray(0, body.length / 2), () =>
          sockets.get(response.req.socket.remotePort ?? 0)?.resetAndDestroy(),
        );
        return undefined;
      }
      case "html":
        return {
          status: 200,
          headers: { "content-type": "text/html; charset=utf-8" },
          body: "<!DOCTYPE html><html><body><h1>Sign in to the network</h1></body></html>",
        };
      case "invalid-json": {
        const answer = await ask();
        const body = String(answer.body ?? "");
        return { status: 200, headers: { ...answer.headers }, body: body.slice(0, Math.max(1, Math.floor(body.length / 2))) };
      }
      case "wrong-crc": {
        const answer = await ask();
        if (options.corrupt === undefined) throw new Error("this service sends no checksum");
        return options.corrupt(answer);
      }
      case "redirect":
        return { status: 302, headers: { location: fault.location } };
      case "large":
        sendLarge(response);
        return undefined;
      case "slow":
        await new Promise((resolve) => setTimeout(resolve, fault.delayMs));
        return ask();
      case "held":
        await fault.until;
        return ask();
    }
  };

  const serve = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await readBody(incoming);
    const [path = "", search = ""] = (incoming.url ?? "").split(/\?(.*)/s);
    const request: ServiceRequest = {
      method: incoming.method ?? "",
      path,
      query: new URLSearchParams(search),
      headers: incoming.headers,
      body,
    };
    const before = violations.length;
    const violate: Violate = (what) => violations.push(`${request.method} ${path}: ${what}`);
    const ask = async () => options.handle(request, violate);
    const fault = faults.take(options.label?.(request) ?? `${request.method} ${path}`);
    if (fault !== undefined) {
      const answer = await strike(fault, response, ask);
      requests.push({ request, fault: fault.kind, ...(answer && { answer }) });
      if (answer !== undefined) send(response, answer);
      return;
    }
    const answer = await ask();
    const exchange: Exchange = { request, answer };
    requests.push(exchange);
    if (violations.length === before) for (const problem of options.check?.(exchange) ?? []) violate(problem);
    send(response, answer);
  };

  const listener = (incoming: IncomingMessage, response: ServerResponse): void => {
    waiting += 1;
    const served = serve(incoming, response).finally(() => {
      waiting -= 1;
    });
    served.catch((error: unknown) => {
      // The request itself counts as destroyed once its body has been read.
      if (response.destroyed) return;
      violations.push(`${incoming.method} ${incoming.url?.split("?")[0]}: the server failed: ${(error as Error).stack}`);
      send(response, { status: 500 });
    });
  };
  const server = certificates
    ? createHttpsServer({ cert: certificates.cert, key: certificates.key, minVersion: "TLSv1.2" }, listener)
    : createHttpServer(listener);
  server.on("connection", (socket: Socket) => {
    const { remotePort } = socket;
    if (remotePort === undefined || sockets.has(remotePort)) return;
    sockets.set(remotePort, socket);
    socket.once("close", () => sockets.delete(remotePort));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `${certificates ? "https" : "http"}://127.0.0.1:${port}`,
    port,
    ca: certificates?.ca ?? "",
    violations,
    faults,
    requests,
    get waiting() {
      return waiting;
    },
    async close() {
      for (const socket of sockets.values()) socket.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
