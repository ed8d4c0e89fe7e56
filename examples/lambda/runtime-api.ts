// Lambda's runtime API, version 2018-06-01, for one sandbox: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What came of one invocation, as its caller hears it. */
export type Outcome =
  | { readonly kind: "response"; readonly payload: unknown }
  | { readonly kind: "error"; readonly errorType: string; readonly errorMessage: string }
  /** The sandbox did not answer: it failed to start, ended, or ran into the function's timeout. */
  | { readonly kind: "init-error" | "exit" | "timeout"; readonly errorMessage: string };

export interface Invocation {
  readonly event: unknown;
  /** From when the runtime has it. */
  readonly timeoutMs: number;
}

export interface RuntimeApi {
  /** For AWS_LAMBDA_RUNTIME_API. */
  readonly address: string;
  /** What the runtime did that the real service would refuse. */
  readonly violations: readonly string[];
  /** What the runtime called, in order, with the time of each. */
  readonly calls: readonly { readonly call: "next" | "response" | "error" | "init-error"; readonly at: number }[];
  /** Resolves when the runtime asks for work: its init phase is over, or the invocation before. */
  idle(): Promise<void>;
  /** Resolves with the runtime's word that it could not start. */
  initFailed: Promise<Outcome>;
  /** Gives an event to the runtime, now or as soon as it asks; ends by its timeout. */
  invoke(invocation: Invocation): Promise<Outcome>;
  close(): Promise<void>;
}

/** The largest answer that Lambda takes: 6 MB, and a little. */
const largestResponse = 6 * 1024 * 1024 + 100;
/** Lambda has none. A machine full of tests may be late to hear what was said in time. */
const graceMs = 1_000;
const functionArn = "arn:aws:lambda:eu-west-1:123456789012:function:example";

interface Pending {
  readonly id: string;
  readonly invocation: Invocation;
  readonly settle: (outcome: Outcome) => void;
}

function once<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

async function read(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function send(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}

export async function startRuntimeApi(): Promise<RuntimeApi> {
  const violations: string[] = [];
  const calls: RuntimeApi["calls"][number][] = [];
  const initFailed = once<Outcome>();
  let queued: Pending | undefined;
  let running: Pending | undefined;
  /** The runtime's own request for work, while there is none. */
  let asking: ServerResponse | undefined;
  let asked = once<void>();

  const refuse = (response: ServerResponse, status: number, errorType: string, errorMessage: string) => {
    violations.push(`${errorType}: ${errorMessage}`);
    send(response, status, { errorType, errorMessage });
  };
  const accept = (response: ServerResponse) => send(response, 202, { status: "OK" });

  const handOver = () => {
    if (asking === undefined || queued === undefined) return;
    [running, queued] = [queued, undefined];
    const { id, invocation, settle } = running;
    setTimeout(settle, invocation.timeoutMs + graceMs, { kind: "timeout", errorMessage: "Task timed out" }).unref();
    const headers = {
      "Lambda-Runtime-Aws-Request-Id": id,
      "Lambda-Runtime-Deadline-Ms": String(Date.now() + invocation.timeoutMs),
      "Lambda-Runtime-Invoked-Function-Arn": functionArn,
      "Lambda-Runtime-Trace-Id": `Root=1-${id.replaceAll("-", "")};Sampled=0`,
    };
    asked = once<void>();
    send(asking, 200, invocation.event, headers);
    asking = undefined;
  };

  const failureIn = (body: Buffer): { errorType: string; errorMessage: string } => {
    try {
      const { errorType, errorMessage } = JSON.parse(body.toString("utf8"));
      return { errorType: String(errorType), errorMessage: String(errorMessage) };
    } catch {
      return { errorType: "", errorMessage: "" };
    }
  };

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await read(request);
    const at = Date.now();
    const url = request.url ?? "";
    const [, id = "", what] = /^\/2018-06-01\/runtime\/invocation\/([^/]+)\/(response|error)$/.exec(url) ?? [];
    if (request.method === "GET" && url === "/2018-06-01/runtime/invocation/next") {
      calls.push({ call: "next", at });
      if (running !== undefined) return refuse(response, 403, "InvalidStateTransition", "next while an invocation is under way");
      asking = response;
      asked.resolve();
      return handOver();
    }
    if (request.method !== "POST") return refuse(response, 404, "NotFound", `${request.method} ${url}`);
    if (url === "/2018-06-01/runtime/init/error") {
      if (calls.some(({ call }) => call === "next"))
        return refuse(response, 403, "InvalidStateTransition", "init error after next");
      calls.push({ call: "init-error", at });
      const { errorType, errorMessage } = failureIn(body);
      initFailed.resolve({ kind: "init-error", errorMessage: `${errorType}: ${errorMessage}` });
      return accept(response);
    }
    if (what === undefined) return refuse(response, 404, "NotFound", url);
    if (running === undefined || running.id !== id) return refuse(response, 400, "InvalidRequestID", "no such invocation");
    const { settle } = running;
    if (what === "response" && body.byteLength > largestResponse)
      return refuse(response, 413, "RequestEntityTooLarge", "the response is too large");
    running = undefined;
    calls.push({ call: what as "response" | "error", at });
    accept(response);
    if (what === "error") {
      if (request.headers["lambda-runtime-function-error-type"] === undefined) violations.push("an error without its type");
      return settle({ kind: "error", ...failureIn(body) });
    }
    return settle({ kind: "response", payload: JSON.parse(body.toString("utf8")) });
  };

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => violations.push(String(error)));
  });
  // The runtime waits for work for as long as it takes.
  server.keepAliveTimeout = 0;
  server.requestTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    violations,
    calls,
    idle: () => asked.promise,
    initFailed: initFailed.promise,
    invoke(invocation) {
      return new Promise((settle) => {
        queued = { id: randomUUID(), invocation, settle };
        handOver();
      });
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
