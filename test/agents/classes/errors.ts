import type { AttackTable } from "../attack.ts";

/** What is thrown goes to the log and to the model, and much of it quotes what it was given. */
export const errors: AttackTable = [
  [
    "a header with a line break",
    async (tool) => {
      await tool.fetch(tool.api(), { headers: { authorization: `Bearer ${tool.key}\r\nx-more: 1` } });
    },
  ],
  [
    "a header's name that is none",
    async (tool) => {
      await tool.fetch(tool.api(), { headers: { [`x ${tool.key}`]: "1" } });
    },
  ],
  [
    "a user in the URL",
    async (tool) => {
      await tool.fetch(tool.api().replace("https://", `https://user:${encodeURIComponent(tool.key)}@`));
    },
  ],
  [
    "a URL that is none",
    async (tool) => {
      await tool.fetch(`//${tool.key}`);
    },
  ],
  [
    "a method that is none",
    async (tool) => {
      await tool.fetch(tool.api(), { method: `GET ${tool.key}` });
    },
  ],
  [
    "an option that is none",
    async (tool) => {
      await tool.fetch(tool.api(), { redirect: tool.key as never });
    },
  ],
  [
    "a name that no certificate is for",
    async (tool) => {
      await tool.fetch(`https://${tool.token}.elsewhere.test:${tool.world.api.port}/`);
    },
  ],
  [
    "an answer that is no JSON",
    async (tool) => {
      tool.world.api.answer = ({ headers }, response) => response.end(String(headers.authorization).slice(7));
      await (await tool.ask()).json();
    },
  ],
  [
    "an answer that is no HTTP",
    async (tool) => {
      tool.world.api.answer = ({ headers }, response) => {
        response.socket?.end(
          `HTTP/1.1 200 OK\r\nbad header\u0000: ${headers.authorization}\r\n\r\n${headers.authorization}`,
          "latin1",
        );
      };
      await tool.tell(await tool.ask());
    },
  ],
  [
    "a reason to stop that holds it",
    async (tool) => {
      const stop = new AbortController();
      tool.world.api.answer = () => stop.abort(new Error(`stopped while it used ${tool.key}`));
      await tool.ask("/v1", { signal: stop.signal });
    },
  ],
  [
    "an answer that is cut off",
    async (tool) => {
      tool.world.api.answer = ({ headers }, response) => {
        response.writeHead(200, { "content-length": "100000" });
        response.write(`you sent ${headers.authorization}`, () => setTimeout(() => response.destroy(), 20));
      };
      const response = await tool.ask();
      for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>)
        tool.say(Buffer.from(chunk).toString("latin1"));
    },
  ],
];
