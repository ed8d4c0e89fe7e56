import { createRequire } from "node:module";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { GrpcClient, grpc } from "google-gax";
import type { Certificates } from "../certificates.ts";
import { type Fault, type FaultPlan, largeBytes } from "../faults.ts";
import { GoogleError, statusForHttp } from "./google-error.ts";
import { toGrpcForm, toJsonForm } from "./grpc-messages.ts";
import { secretFields } from "./rest-routes.ts";
import { type Message, type Method, permissions } from "./secret-manager.ts";

/** A call over gRPC. `code` is 0 for success; undefined: never answered. */
export interface GrpcCall {
  readonly method: string;
  readonly resource: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly fault?: Fault["kind"];
  code?: number;
}

export interface GrpcOptions {
  /** undefined: without TLS. */
  readonly tls: Certificates | undefined;
  readonly faults: FaultPlan;
  readonly violations: string[];
  /** Whose call it is. Throws a `GoogleError` for a token that does not count. */
  authenticate(authorization: string | undefined): Promise<string | undefined>;
  call(method: Method, message: Message, email: string | undefined): object;
}

export interface GrpcServer {
  readonly port: number;
  readonly calls: GrpcCall[];
  close(): Promise<void>;
}

type Answer = { readonly value: object } | { readonly error: GoogleError };

/** Stands before the real server so that connections can be reset beneath it. */
async function startRelay(to: number): Promise<{ readonly port: number; reset(): void; close(): Promise<void> }> {
  const clients = new Set<Socket>();
  // Without noDelay each small answer would wait for the acknowledgement of the one before, 40 ms long.
  const relay = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ port: to, host: "127.0.0.1", noDelay: true });
    clients.add(client);
    for (const socket of [client, upstream]) socket.on("error", () => undefined);
    client.on("close", () => {
      clients.delete(client);
      upstream.destroy();
    });
    upstream.on("close", () => client.destroy());
    client.pipe(upstream).pipe(client);
  });
  await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", resolve));
  return {
    port: (relay.address() as AddressInfo).port,
    reset() {
      for (const client of clients) client.resetAndDestroy();
    },
    close() {
      for (const client of clients) client.destroy();
      return new Promise((resolve) => relay.close(() => resolve()));
    },
  };
}

function loadService(): Record<string, unknown> {
  const protos = createRequire(import.meta.url)("@google-cloud/secret-manager/build/protos/protos.json");
  const { google } = new GrpcClient().loadProtoJSON(protos, true) as any;
  return google.cloud.secretmanager.v1.SecretManagerService.service;
}

/** What a fault makes of a call; undefined: no answer ever. */
async function strike(fault: Fault, ask: () => Promise<Answer>, reset: () => void): Promise<Answer | undefined> {
  switch (fault.kind) {
    case "status":
      return { error: new GoogleError(statusForHttp(fault.status), "The request failed.") };
    case "hang":
      return undefined;
    case "reset":
      await ask();
      reset();
      return undefined;
    case "slow":
      await new Promise((resolve) => setTimeout(resolve, fault.delayMs));
      return ask();
    case "held":
      await fault.until;
      return ask();
    case "wrong-crc": {
      const answer = await ask();
      if (!("value" in answer)) return answer;
      const { payload, ...rest } = answer.value as Message;
      return { value: { ...rest, payload: { ...payload, dataCrc32c: String((Number(payload.dataCrc32c) ^ 1) >>> 0) } } };
    }
    case "large":
      return { value: { name: "large", payload: { data: Buffer.alloc(largeBytes, "a").toString("base64") } } };
    default:
      // What the gRPC library makes of an answer that is not gRPC.
      return { error: new GoogleError("INTERNAL", `The answer was not gRPC (${fault.kind}).`) };
  }
}

/** Serves the store over gRPC, from the descriptions that the vendor's package brings along. */
export async function startGrpc(options: GrpcOptions): Promise<GrpcServer> {
  const calls: GrpcCall[] = [];
  let reset = () => {};

  const ask = async (method: string, message: Message, metadata: Record<string, unknown>, resource: string): Promise<Answer> => {
    const violate = (what: string) => options.violations.push(`gRPC ${method} ${resource}: ${what}`);
    try {
      if (!String(metadata["x-goog-request-params"] ?? "").includes(encodeURIComponent(resource))) {
        violate("no x-goog-request-params that names the resource");
        throw new GoogleError("INVALID_ARGUMENT", "The routing header is missing.");
      }
      const email = await options.authenticate(metadata.authorization as string | undefined);
      const unknown = Object.keys(message.secret ?? {}).filter((field) => !secretFields.includes(field));
      if (!(method in permissions) || unknown.length > 0) {
        violate(`not to be had here ${unknown.join(", ")}`);
        throw new GoogleError("UNIMPLEMENTED", "This server does not do that.");
      }
      return { value: options.call(method as Method, message, email) };
    } catch (error) {
      if (error instanceof GoogleError) return { error };
      violate(`the server failed: ${(error as Error).stack}`);
      return { error: new GoogleError("INTERNAL", "The server failed.") };
    }
  };

  const handle = (method: string) => async (call: any, callback: (error: object | null, value?: object) => void) => {
    const message = toJsonForm(call.request);
    const resource = String(message.name ?? message.parent ?? message.secret?.name ?? message.resource ?? "");
    const metadata = call.metadata.getMap();
    const fault = options.faults.take(`${method} ${resource}`);
    const record: GrpcCall = { method, resource, metadata, ...(fault && { fault: fault.kind }) };
    calls.push(record);
    const own = () => ask(method, message, metadata, resource);
    const answer = fault ? await strike(fault, own, () => reset()) : await own();
    if (answer === undefined) return;
    if ("error" in answer) {
      record.code = answer.error.grpcCode;
      callback({ code: answer.error.grpcCode, details: answer.error.message });
    } else {
      record.code = 0;
      callback(null, toGrpcForm(answer.value as Message));
    }
  };

  const service = loadService();
  const server = new grpc.Server({ "grpc.max_send_message_length": -1 });
  server.addService(service as any, Object.fromEntries(Object.keys(service).map((method) => [method, handle(method)])));
  const { tls } = options;
  const credentials = tls
    ? grpc.ServerCredentials.createSsl(null, [{ private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.cert) }])
    : grpc.ServerCredentials.createInsecure();
  const inner = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", credentials, (error, port) => (error ? reject(error) : resolve(port)));
  });
  const relay = await startRelay(inner);
  reset = relay.reset;
  return {
    port: relay.port,
    calls,
    async close() {
      server.forceShutdown();
      await relay.close();
    },
  };
}
