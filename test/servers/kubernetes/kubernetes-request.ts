import { request as httpsRequest } from "node:https";

export interface KubernetesRequest {
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** From the root: `/api/v1/namespaces`. */
  readonly path: string;
  readonly body?: unknown;
  /** The administrator's by default; none where null. */
  readonly token?: string | null;
  /** JSON by default. */
  readonly contentType?: string;
  /** A client certificate and its key, as PEM text. */
  readonly cert?: string;
  readonly key?: string;
}

export interface KubernetesAnswer {
  readonly status: number;
  readonly body: any;
}

/** One request, whatever it answers. For tests to arrange and look at things; what is tested uses a client of its own. */
export function kubernetesRequest(url: string, request: KubernetesRequest): Promise<KubernetesAnswer> {
  const {
    method = request.body === undefined ? "GET" : "POST",
    path,
    body,
    token,
    contentType = "application/json",
    cert,
    key,
  } = request;
  const text = body === undefined ? undefined : JSON.stringify(body);
  const options = {
    method,
    // The certificate may be a bad one: that is for what is tested to find out.
    rejectUnauthorized: false,
    cert,
    key,
    agent: false as const,
    timeout: 120_000,
    headers: {
      ...(token && { authorization: `Bearer ${token}` }),
      ...(text !== undefined && { "content-type": contentType, "content-length": Buffer.byteLength(text) }),
    },
  };
  return new Promise((resolve, reject) => {
    const sent = httpsRequest(`${url}${path}`, options, (response) => {
      let answer = "";
      response.setEncoding("utf8").on("data", (chunk) => {
        answer += chunk;
      });
      response.on("error", reject);
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, body: answer.startsWith("{") ? JSON.parse(answer) : answer }),
      );
    });
    sent.on("error", reject);
    sent.on("timeout", () => sent.destroy(new Error(`no answer to ${method} ${path} in 120 s`)));
    sent.end(text);
  });
}
