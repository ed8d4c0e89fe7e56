import type { AttackTable } from "../attack.ts";
import type { Answer } from "../world.ts";

const bearerOf = (authorization = "") => authorization.replace(/^Bearer /, "");
const echo = (write: (value: string, response: Parameters<Answer>[1]) => void): Answer => {
  return ({ headers }, response) => write(bearerOf(headers.authorization), response);
};
const pause = () => new Promise((resolve) => setImmediate(resolve));

/** The host of the rule hands back what it was given, as it is. */
export const echoPlain: AttackTable = (
  [
    ["in the body", (value, response) => response.end(value)],
    ["in JSON", (value, response) => response.end(JSON.stringify({ headers: { authorization: `Bearer ${value}` } }))],
    ["in a header", (value, response) => response.writeHead(200, { "x-debug": `you sent ${value}` }).end("ok")],
    ["in the status line", (value, response) => response.writeHead(200, `OK ${value}`).end("ok")],
    ["in a cookie", (value, response) => response.writeHead(200, { "set-cookie": ["a=b", `token=${value}; Path=/`] }).end("ok")],
    ["in the page of an error", (value, response) => response.writeHead(500).end(`<pre>cannot use ${value}</pre>`)],
    [
      "where it refuses the credential",
      (value, response) => response.writeHead(401).end(`{"error":"bad key ${JSON.stringify(value).slice(1, -1)}"}`),
    ],
    [
      "in the link to what was made",
      (value, response) => response.writeHead(201, { location: `/keys/${encodeURIComponent(value)}` }).end(),
    ],
    ["in Latin-1", (value, response) => response.end(Buffer.from(value, "latin1"))],
    ["many times over", (value, response) => response.end(value.repeat(500))],
    ["at the end of a large answer", (value, response) => response.end(`${"x".repeat(1_000_003)}${value}`)],
    [
      "byte by byte",
      async (value, response) => {
        for (const byte of Buffer.from(value)) {
          response.write(Buffer.of(byte));
          await pause();
        }
        response.end();
      },
    ],
    [
      "in an event of a stream",
      (value, response) => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write('data: {"delta":"a"}\n\n');
        response.end(`data: ${JSON.stringify({ delta: value })}\n\n`);
      },
    ],
    ["after a beginning of itself", (value, response) => response.end(`${value.slice(0, 5)}${value.slice(0, 7)}${value}`)],
  ] satisfies [string, (value: string, response: Parameters<Answer>[1]) => void][]
).map(([name, write]) => [
  name,
  async (tool) => {
    tool.world.api.answer = echo(write);
    await tool.tell(await tool.ask());
  },
]);
