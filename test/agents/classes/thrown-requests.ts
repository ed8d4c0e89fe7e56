import type { AttackTable } from "../attack.ts";

/** A tool that throws what it was about to send: its error goes to the log, the trace, and the model. */
export const thrownRequests: AttackTable = [
  [
    "as a property of an error",
    ({ api, key }) => {
      throw Object.assign(new Error("failed"), { request: { url: api(), headers: { authorization: `Bearer ${key}` } } });
    },
  ],
  [
    "as the configuration of a client",
    ({ api, key }) => {
      throw Object.assign(new Error("Request failed with status code 500"), {
        isAxiosError: true,
        config: { url: api(), headers: { "X-Api-Key": key }, method: "get" },
      });
    },
  ],
  [
    "as a Request",
    ({ api, key }) => {
      throw new Request(api(), { headers: { authorization: `Bearer ${key}` } });
    },
  ],
  [
    "as a cause",
    ({ api, key }) => {
      throw new Error("could not search", { cause: { url: api(), init: { headers: new Headers({ authorization: key }) } } });
    },
  ],
  [
    "as one of many",
    ({ key }) => {
      throw new AggregateError([new Error("first"), new Error(`second: ${key}`)], "all attempts failed");
    },
  ],
  [
    "as a command to try it by hand",
    ({ api, key }) => {
      throw new Error(`try it yourself: curl -H 'Authorization: Bearer ${key}' ${api()}`);
    },
  ],
  [
    "in the stack",
    ({ api, key }) => {
      const error = new Error(`GET ${api(`/v1?key=${encodeURIComponent(key)}`)}`);
      throw Object.assign(new Error("failed"), { stack: error.stack });
    },
  ],
  [
    "with the answer that it got",
    async (tool) => {
      tool.world.api.answer = ({ headers }, response) =>
        response.writeHead(403, { "x-seen": String(headers["x-api-key"]) }).end();
      const response = await tool.fetch(tool.api(), { headers: { "x-api-key": tool.key } });
      throw Object.assign(new Error(`HTTP ${response.status}`), { response, headers: Object.fromEntries(response.headers) });
    },
  ],
  [
    "as what was thrown, not even an error",
    ({ key }) => {
      throw { code: "E_TOOL", args: [key] };
    },
  ],
];
