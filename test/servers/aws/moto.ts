import { onFreePort, startProcess } from "../processes.ts";
import type { PythonEnvironment } from "../python-environment.ts";
import { ServiceError } from "./service-error.ts";

/** A moto server, spoken to in Secrets Manager's own protocol. Its many deviations are corrected in `secrets-manager.ts`. */
export interface Moto {
  readonly url: string;
  /** Rejects with moto's own error. */
  call(operation: string, input: object, region: string): Promise<Record<string, any>>;
  close(): Promise<void>;
}

/** The account that moto's answers name. */
export const motoAccount = "123456789012";

export async function startMoto(environment: PythonEnvironment): Promise<Moto> {
  return onFreePort(async (port) => {
    const url = `http://127.0.0.1:${port}/`;
    const process = await startProcess({
      name: "moto",
      command: environment.python,
      args: ["-m", "moto.server", "-H", "127.0.0.1", "-p", String(port)],
      // Its own word, not an answer at that port: that could come from somebody else's.
      ready: (output) => output.includes(`Running on http://127.0.0.1:${port}`),
    });
    return {
      url,
      async call(operation, input, region) {
        const response = await fetch(url, {
          method: "POST",
          body: JSON.stringify(input),
          headers: {
            "content-type": "application/x-amz-json-1.1",
            "x-amz-target": `secretsmanager.${operation}`,
            // moto looks up nothing but the region here.
            authorization: `AWS4-HMAC-SHA256 Credential=moto/20260101/${region}/secretsmanager/aws4_request, SignedHeaders=host, Signature=0`,
          },
        });
        const text = await response.text();
        if (response.ok) return JSON.parse(text) as Record<string, any>;
        throw readError(operation, text);
      },
      close: () => process.stop(),
    };
  });
}

function readError(operation: string, text: string): Error {
  try {
    const { __type: type, message } = JSON.parse(text) as { __type: string; message: string };
    // Some of moto's messages begin as boto3 prints them, and are broken over lines.
    const plain = message.replace(/\s+/g, " ").replace(/^.*An error occurred .* operation: /, "");
    return new ServiceError(type, plain);
  } catch {
    return new Error(`moto failed at ${operation} with a web page`);
  }
}
