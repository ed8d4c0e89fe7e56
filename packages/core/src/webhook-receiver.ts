import type { IncomingMessage, ServerResponse } from "node:http";
import { type Clock, isSecretsError, type Notified, SecretsError, systemClock } from "@keyhold/core";
import { AcceptedOnce } from "./accepted-once.ts";
import type { Delivery, Sender } from "./webhook-delivery.ts";

export interface WebhookOptions {
  /** The client that is told. */
  readonly secrets: { notify(event: unknown): Promise<Notified> };
  /** Who may tell it. What another sends is answered with 401 and changes nothing. */
  readonly sender: Sender;
  /** For tests. */
  readonly clock?: Clock;
}

interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** The largest batch of Event Grid is 1 MB. */
const mostBytes = 1_048_576;
const bodyTimeoutMs = 10_000;

/**
 * Takes deliveries of events over HTTP, checks their sender, and tells the client: a function for `createServer`, or for a route of a
 * framework that has left the body unread. It answers the validation handshakes of Event Grid, of both schemas.
 *
 * It answers 200 when the client has been told, or was told of the same before; 401 for another sender; 400 for what no provider of
 * the client knows; 405, 408 and 413 for other methods, bodies that take over 10 s, and those over 1 MiB; 503 when it is to be sent
 * again. It never rejects, and logs nothing.
 *
 * @throws SecretsError `invalid-argument` for options that make no sense.
 * @example
 * const key = await secrets.handle("local://webhook-key");
 * createServer(webhook({ secrets, sender: signature({ key }) })).listen(8080);
 */
export function webhook(options: WebhookOptions): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const { secrets, sender, clock = systemClock } = options;
  if (typeof secrets?.notify !== "function" || typeof sender?.verify !== "function") {
    throw new SecretsError("invalid-argument", "webhook takes secrets and the sender of its events", {
      hint: "webhook({ secrets, sender: signature({ key }) })",
    });
  }
  const once = new AcceptedOnce();

  async function answerTo(delivery: Delivery): Promise<Answer> {
    const receipt = await sender.verify(delivery);
    if (receipt === undefined) return { status: 401 };
    if (delivery.method === "OPTIONS") return permission(delivery);
    const now = delivery.receivedAt;
    if (!once.begin(receipt, now)) return { status: 200 };
    try {
      const { references, handshake } = await secrets.notify(delivery.body);
      // A handshake changes nothing, and is answered as often as it is asked for.
      if (references.length === 0 && handshake !== undefined) once.failed(receipt);
      else once.accepted(receipt, now);
      return { status: 200, body: handshake ?? {} };
    } catch (error) {
      once.failed(receipt);
      // What is wrong with the delivery will be wrong with it again. All else may pass.
      return { status: isSecretsError(error, "invalid-argument") ? 400 : 503 };
    }
  }

  return async (request, response) => {
    let answer: Answer;
    try {
      const method = request.method ?? "";
      answer =
        method === "POST" || method === "OPTIONS"
          ? await answerTo(deliveryOf(request, await bodyOf(request, clock), clock))
          : { status: 405, headers: { allow: "POST, OPTIONS" } };
    } catch (error) {
      answer = { status: error instanceof BodyError ? error.status : 503 };
    }
    respond(request, response, answer);
  };
}

/** https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md#4-abuse-protection */
function permission({ headers }: Delivery): Answer {
  const origin = headers["webhook-request-origin"];
  if (origin === undefined || !/^[\w.:-]{1,255}$/.test(origin)) return { status: 400 };
  return { status: 200, headers: { "webhook-allowed-origin": origin, "webhook-allowed-rate": "*", allow: "POST, OPTIONS" } };
}

function deliveryOf(request: IncomingMessage, body: Uint8Array, clock: Clock): Delivery {
  const headers = Object.entries(request.headersDistinct).map(([name, values]) => [
    name,
    values?.length === 1 ? values[0] : undefined,
  ]);
  const target = request.url ?? "";
  const mark = target.indexOf("?");
  return {
    method: request.method as string,
    headers: Object.fromEntries(headers),
    query: new URLSearchParams(mark === -1 ? "" : target.slice(mark)),
    body,
    receivedAt: clock.now(),
  };
}

class BodyError extends Error {
  readonly status: number;

  constructor(status: number) {
    super("the body cannot be read");
    this.status = status;
  }
}

/** The whole body, within its limits. */
function bodyOf(request: IncomingMessage, clock: Clock): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let length = 0;
    const settle = (error?: BodyError) => {
      cancel();
      request.off("data", take).off("end", end).off("error", fail).off("close", fail);
      if (error === undefined) return resolve(Buffer.concat(chunks));
      request.pause();
      reject(error);
    };
    const take = (chunk: Uint8Array) => {
      length += chunk.length;
      if (length > mostBytes) settle(new BodyError(413));
      else chunks.push(chunk);
    };
    const fail = () => settle(new BodyError(400));
    const end = () => settle();
    const cancel = clock.setTimer(() => settle(new BodyError(408)), bodyTimeoutMs);
    // Somebody else has read it, such as a framework: what was signed cannot be seen any more.
    if (request.readableEnded) return settle(new BodyError(500));
    request.on("data", take).on("end", end).on("error", fail).on("close", fail);
  });
}

function respond(request: IncomingMessage, response: ServerResponse, { status, headers, body }: Answer): void {
  if (response.headersSent || response.destroyed) return;
  const isUnread = !request.complete;
  response.writeHead(status, {
    ...headers,
    ...(body === undefined ? {} : { "content-type": "application/json" }),
    ...(isUnread ? { connection: "close" } : {}),
  });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}
