import { request } from "node:https";
import type { ConjurServer } from "../../../test/servers/conjur/start-conjur.ts";

/** What the controls read by: the values of ids, and the versions that they are said to have. */
export interface Reader {
  read(id: string): Promise<{ readonly text: string; readonly version: string }>;
  readMany(ids: readonly string[]): Promise<readonly string[]>;
  close(): Promise<void>;
}

/**
 * Conjur by the examples of its documentation, as a service's own few lines would have it: it signs in, sends ids as they are, batches
 * as they come, and puts what went wrong into the error.
 */
export function naiveConjur(server: ConjurServer): Reader {
  let token: string | undefined;

  const send = (method: string, path: string, headers: Record<string, string>, body?: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const target = { hostname: "127.0.0.1", port: server.port, ca: server.ca, method, path, headers, agent: false } as const;
      const sent = request(target, (response) => {
        let text = "";
        response.on("error", reject);
        response.on("data", (chunk: Buffer) => {
          text += chunk.toString();
        });
        response.on("end", () => {
          if ((response.statusCode ?? 0) < 300) resolve(text);
          else reject(Object.assign(new Error(`${method} ${path}: ${response.statusCode} ${text}`), { headers }));
        });
      });
      sent.on("error", reject);
      sent.end(body);
    });

  const authorization = async () => {
    if (token === undefined) {
      const answer = await send("POST", "/authn/test/admin/authenticate", { "content-type": "text/plain" }, server.adminApiKey);
      token = Buffer.from(answer).toString("base64");
    }
    return { authorization: `Token token="${token}"` };
  };

  return {
    async read(id) {
      const headers = await authorization();
      const text = await send("GET", `/secrets/test/variable/${encodeURI(id)}`, headers);
      const shown = JSON.parse(await send("GET", `/resources/test/variable/${encodeURI(id)}`, headers));
      return { text, version: String(shown.secrets.at(-1).version) };
    },
    async readMany(ids) {
      const wanted = ids.map((id) => `test:variable:${id}`);
      const values = JSON.parse(await send("GET", `/secrets?variable_ids=${encodeURI(wanted.join(","))}`, await authorization()));
      return wanted.map((id) => values[id]);
    },
    async close() {},
  };
}
