import type { AttackTable } from "../attack.ts";

/** The same, for the other places that a value can stand in, and where it comes back in another place than it went. */
export const echoPlaces: AttackTable = [
  [
    "from a header of its own",
    async (tool) => {
      tool.world.api.answer = ({ headers }, response) => response.end(String(headers["x-api-key"]));
      await tool.tell(await tool.fetch(tool.api(), { headers: { "x-api-key": tool.key } }));
    },
  ],
  [
    "from the query",
    async (tool) => {
      tool.world.api.answer = ({ path }, response) => response.writeHead(404).end(`no such page: ${path}`);
      await tool.tell(await tool.fetch(tool.api(`/v1/search?q=a&key=${encodeURIComponent(tool.key)}`)));
    },
  ],
  [
    "from the query, decoded",
    async (tool) => {
      tool.world.api.answer = ({ path }, response) => response.end(new URL(path, "http://a").searchParams.get("key"));
      await tool.tell(await tool.fetch(tool.api(`/v1?key=${encodeURIComponent(tool.key)}`)));
    },
  ],
  [
    "from Basic, as it was sent",
    async (tool) => {
      tool.world.api.answer = ({ headers }, response) => response.end(headers["x-basic"]);
      const basic = Buffer.from(`someone:${tool.key}`).toString("base64");
      await tool.tell(await tool.fetch(tool.api(), { headers: { "x-basic": `Basic ${basic}` } }));
    },
  ],
  [
    "from Basic, taken apart",
    async (tool) => {
      tool.world.api.answer = ({ headers }, response) => response.end(Buffer.from(String(headers["x-basic"]).slice(6), "base64"));
      const basic = Buffer.from(`${tool.token}:`).toString("base64");
      await tool.tell(await tool.fetch(tool.api(), { headers: { "x-basic": `Basic ${basic}` } }));
    },
  ],
  [
    "the session token of a signature",
    async (tool) => {
      tool.world.api.answer = ({ headers }, response) => response.end(JSON.stringify(headers));
      await tool.tell(await tool.fetch(tool.api("/v1/aws"), { headers: { authorization: tool.config.aws as string } }));
    },
  ],
  [
    "as the name of a header",
    async (tool) => {
      tool.world.api.answer = ({ headers }, response) =>
        response.writeHead(200, { [String(headers.authorization).slice(7)]: "yes" }).end("ok");
      await tool.tell(await tool.fetch(tool.api(), { headers: { authorization: `Bearer ${tool.token}` } }));
    },
  ],
  [
    "as a dump of the whole request",
    async (tool) => {
      tool.world.api.answer = ({ method, path, headers }, response) =>
        response.end(
          `${method} ${path}\n${Object.entries(headers)
            .map(([name, value]) => `${name}: ${value}`)
            .join("\n")}`,
        );
      await tool.tell(await tool.ask());
    },
  ],
];
