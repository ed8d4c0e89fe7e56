import { request } from "node:http";
import type { Certificates } from "../../../test/servers/certificates.ts";
import { type HttpsService, json, type ServiceAnswer, startHttpsService } from "../../../test/servers/https-service.ts";
import type { OpenBao } from "../../../test/servers/openbao/start-openbao.ts";

const passedOn = ["x-vault-token", "x-vault-namespace", "x-vault-wrap-ttl", "x-vault-request", "content-type"];

/** A door before a real server, over HTTPS, that can break. Faults match `GET /v1/secret/data/app`. */
export function startFaultyBao(bao: OpenBao, tls?: Certificates): Promise<HttpsService> {
  const { port } = new URL(bao.url);
  return startHttpsService({
    ...(tls === undefined ? {} : { tls }),
    failure: (status) => json(status, { errors: [`status ${status}`] }),
    handle: ({ method, path, query, headers, body }, violate) =>
      new Promise<ServiceAnswer>((resolve, reject) => {
        if (headers["x-vault-request"] !== "true") violate("no X-Vault-Request");
        const kept = Object.fromEntries(passedOn.flatMap((name) => (headers[name] ? [[name, headers[name]]] : [])));
        const search = query.size === 0 ? "" : `?${query}`;
        const sent = request(
          { host: "127.0.0.1", port, method, path: path + search, headers: kept, agent: false },
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
