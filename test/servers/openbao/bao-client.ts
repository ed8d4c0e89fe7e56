import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";

export interface BaoRequest {
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "LIST";
  /** Without `/v1/`. */
  readonly path: string;
  readonly body?: unknown;
  /** The root token by default; none where null. */
  readonly token?: string | null;
  readonly namespace?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A client certificate and its key, as PEM text. */
  readonly cert?: string;
  readonly key?: string;
}

export interface BaoAnswer {
  readonly status: number;
  readonly body: any;
}

/** One request, whatever it answers. For tests to arrange and look at things; what is tested uses a client of its own. */
export function baoRequest(url: string, request: BaoRequest): Promise<BaoAnswer> {
  const { method = request.body === undefined ? "GET" : "POST", path, body, token, namespace, headers, cert, key } = request;
  const text = body === undefined ? undefined : JSON.stringify(body);
  const options = {
    method,
    // The certificate may be a bad one: that is for what is tested to find out.
    rejectUnauthorized: false,
    cert,
    key,
    agent: false as const,
    timeout: 60_000,
    headers: {
      "x-vault-request": "true",
      ...(token && { "x-vault-token": token }),
      ...(namespace && { "x-vault-namespace": namespace }),
      ...(text !== undefined && { "content-type": "application/json", "content-length": Buffer.byteLength(text) }),
      ...headers,
    },
  };
  return new Promise((resolve, reject) => {
    const sent = (url.startsWith("https:") ? httpsRequest : httpRequest)(`${url}/v1/${path}`, options, (response) => {
      let answer = "";
      response.setEncoding("utf8").on("data", (chunk) => {
        answer += chunk;
      });
      response.on("error", reject);
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 0, body: answer === "" ? undefined : JSON.parse(answer) });
      });
    });
    sent.on("error", reject);
    sent.on("timeout", () => sent.destroy(new Error(`no answer to ${method} ${path} in 60 s`)));
    sent.end(text);
  });
}
