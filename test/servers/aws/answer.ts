import { randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";
import { type Fault, largeBytes } from "../faults.ts";

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly contentType: string;
}

export const jsonAnswer = (status: number, body: unknown): Answer => ({
  status,
  body: JSON.stringify(body),
  contentType: "application/x-amz-json-1.1",
});

export const errorAnswer = (status: number, type: string, message: string): Answer =>
  jsonAnswer(status, { __type: type, Message: message });

const ownWords: Readonly<Record<number, readonly [type: string, message: string]>> = {
  403: ["AccessDeniedException", "User is not authorized to perform this action"],
  404: ["ResourceNotFoundException", "Secrets Manager can't find the specified secret."],
  429: ["ThrottlingException", "Rate exceeded"],
  500: ["InternalServiceError", "An error occurred on the server side."],
  503: ["ServiceUnavailableException", "Service is unable to handle request."],
};

/** Sends the answer, as the fault says. `work` is asked only by faults behind which the service does its work. */
export async function sendAnswer(
  response: ServerResponse,
  fault: Fault | undefined,
  clock: number,
  work: () => Promise<Answer>,
): Promise<void> {
  response.sendDate = false;
  response.setHeader("date", new Date(clock).toUTCString());
  response.setHeader("x-amzn-requestid", randomUUID());
  const send = (answer: Answer, headers: Readonly<Record<string, string>> = {}): void => {
    response.writeHead(answer.status, {
      "content-type": answer.contentType,
      "content-length": Buffer.byteLength(answer.body),
      ...headers,
    });
    response.end(answer.body);
  };
  switch (fault?.kind) {
    case undefined:
      return send(await work());
    case "slow":
      await new Promise((resolve) => setTimeout(resolve, fault.delayMs));
      return send(await work());
    case "hang":
      return;
    case "status": {
      const [type, message] = ownWords[fault.status] ?? ["ServiceUnavailableException", "Service is unable to handle request."];
      const answer = errorAnswer(fault.status, type, message);
      return send(fault.body === undefined ? answer : { ...answer, body: fault.body }, fault.headers);
    }
    case "html":
      return send({
        status: 200,
        body: "<!doctype html><title>Welcome</title><p>Sign in to this network.",
        contentType: "text/html",
      });
    case "redirect":
      return send({ status: 307, body: "", contentType: "text/plain" }, { location: fault.location });
    case "large":
      return send(jsonAnswer(200, { Name: "large", SecretString: "a".repeat(largeBytes) }));
    case "invalid-json": {
      const answer = await work();
      return send({ ...answer, body: half(answer.body) });
    }
    case "reset": {
      const answer = await work();
      response.writeHead(answer.status, { "content-type": answer.contentType, "content-length": Buffer.byteLength(answer.body) });
      response.write(half(answer.body), () => response.socket?.resetAndDestroy());
      return;
    }
    case "wrong-crc":
      throw new Error("Secrets Manager sends no checksum of its own: wrong-crc has no meaning here");
  }
}

const half = (text: string): string => text.slice(0, Math.floor(text.length / 2));
