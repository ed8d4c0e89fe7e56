import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Certificates } from "../../../test/servers/certificates.ts";
import {
  type HttpsService,
  json,
  type ServiceAnswer,
  type ServiceRequest,
  startHttpsService,
} from "../../../test/servers/https-service.ts";
import type { OpenBao } from "../../../test/servers/openbao/start-openbao.ts";

const passedOn = ["x-vault-token", "x-vault-namespace", "x-vault-wrap-ttl", "x-vault-request", "content-type"];

interface DoorOptions {
  readonly tls?: Certificates;
  /** Answers in the server's place where it gives an answer. */
  readonly instead?: (request: ServiceRequest) => ServiceAnswer | undefined;
}

/** A door before a real server, over HTTPS, that can break. Faults match `GET /v1/secret/data/app`. */
export function startFaultyBao(bao: OpenBao, { tls, instead }: DoorOptions = {}): Promise<HttpsService> {
  const { port, protocol } = new URL(bao.url);
  const request = protocol === "https:" ? httpsRequest : httpRequest;
  return startHttpsService({
    ...(tls === undefined ? {} : { tls }),
    failure: (status) => json(status, { errors: [`status ${status}`] }),
    handle: (incoming, violate) =>
      new Promise<ServiceAnswer>((resolve, reject) => {
        const { method, path, query, headers, body } = incoming;
        const own = instead?.(incoming);
        if (own !== undefined) return resolve(own);
        if (headers["x-vault-request"] !== "true") violate("no X-Vault-Request");
        const kept = Object.fromEntries(passedOn.flatMap((name) => (headers[name] ? [[name, headers[name]]] : [])));
        const search = query.size === 0 ? "" : `?${query}`;
        const sent = request(
          { host: "127.0.0.1", port, method, path: path + search, headers: kept, agent: false, ca: bao.ca },
          async (answer) => {
            const chunks: Buffer[] = [];
            for await (const chunk of answer) chunks.push(chunk);
            const type = answer.headers["content-type"];
            resolve({
              status: answer.statusCode ?? 0,
              ...(type === undefined ? {} : { headers: { "content-type": type } }),
              body: Buffer.concat(chunks),
            });
          },
        );
        sent.on("error", reject);
        sent.end(body.length === 0 ? undefined : body);
      }),
  });
}
