import type { AttackTable, Tool } from "../attack.ts";
import { names } from "../world.ts";

const good = "127.0.0.1";
const sequence = (tool: Tool, answers: readonly (readonly string[])[]) => {
  let asked = 0;
  tool.world.names.set(names.api, () => answers[Math.min(asked++, answers.length - 1)] as readonly string[]);
};
const closing = (tool: Tool) => {
  tool.world.api.answer = (_request, response) => response.writeHead(200, { connection: "close" }).end("ok");
};

/** The name of the rule leads to a service inside the network, which has a certificate for it. */
export const rebinding: AttackTable = [
  [
    "from the first request on",
    async (tool) => {
      sequence(tool, [[tool.world.internal.address]]);
      await tool.tell(await tool.ask());
    },
  ],
  [
    "once the first connection is closed",
    async (tool) => {
      sequence(tool, [[good], [tool.world.internal.address]]);
      closing(tool);
      await tool.tell(await tool.ask());
      await tool.tell(await tool.ask());
    },
  ],
  [
    "among other addresses, the bad one first",
    async (tool) => {
      sequence(tool, [[tool.world.internal.address, good]]);
      await tool.tell(await tool.ask());
    },
  ],
  [
    "among other addresses, where the good one does not answer",
    async (tool) => {
      const dead = "127.0.0.3";
      sequence(tool, [[dead, tool.world.internal.address]]);
      await tool.tell(await tool.ask());
    },
  ],
  [
    "as an IPv4 address in IPv6 clothes",
    async (tool) => {
      sequence(tool, [[`::ffff:${tool.world.internal.address}`]]);
      await tool.tell(await tool.ask());
    },
  ],
  [
    "after a request without the key went well",
    async (tool) => {
      sequence(tool, [[good], [tool.world.internal.address]]);
      closing(tool);
      await tool.tell(await tool.fetch(tool.api("/v1/health")));
      await tool.tell(await tool.ask());
    },
  ],
  [
    "for a second connection, while the first is busy",
    async (tool) => {
      sequence(tool, [[good], [tool.world.internal.address]]);
      tool.world.api.answer = (_request, response) => setTimeout(() => response.end("ok"), 50);
      const answers = await Promise.allSettled([tool.ask("/v1/slow"), tool.ask("/v1/fast")]);
      for (const answer of answers) if (answer.status === "rejected") throw answer.reason;
    },
  ],
  [
    "between a redirect and its target",
    async (tool) => {
      sequence(tool, [[good], [tool.world.internal.address]]);
      tool.world.api.answer = (_request, response) =>
        response.writeHead(302, { location: "/v1/next", connection: "close" }).end();
      await tool.tell(await tool.ask());
    },
  ],
];
