import type { AttackTable, GrantLimits, Tool } from "../attack.ts";

type Granted = ReturnType<Tool["grant"]>;

const ask = (tool: Tool, { fetch, key }: Pick<Granted, "fetch" | "key">, path = "/v1") =>
  fetch(tool.api(path), { headers: { authorization: `Bearer ${key}` } });

/** All are tried, whatever becomes of those before. */
const tryAll = async (attempts: readonly (() => Promise<unknown>)[], tool: Tool) => {
  for (const attempt of attempts) await attempt().catch((error: unknown) => tool.say(error));
};

const refused =
  (limits: (tool: Tool) => GrantLimits): AttackTable[number][1] =>
  async (tool) => {
    await ask(tool, tool.grant(limits(tool)));
  };

/** More than the grant gives. */
export const grants: AttackTable = [
  [
    "once more, one after another",
    async (tool) => {
      const grant = tool.grant({ uses: 1 });
      await tryAll([() => ask(tool, grant), () => ask(tool, grant), () => ask(tool, grant)], tool);
    },
    { uses: 1 },
  ],
  [
    "once more, all at the same time",
    async (tool) => {
      const grant = tool.grant({ uses: 2 });
      await Promise.allSettled(Array.from({ length: 6 }, () => ask(tool, grant)));
    },
    { uses: 2 },
  ],
  [
    "once more, while approvals are waited for",
    async (tool) => {
      const approve = () => new Promise<boolean>((resolve) => setTimeout(resolve, 20, true));
      const grant = tool.grant({ uses: 1, approve });
      await Promise.allSettled(Array.from({ length: 4 }, () => ask(tool, grant)));
    },
    { uses: 1 },
  ],
  [
    "once more, as the host failed",
    async (tool) => {
      tool.world.api.answer = (_request, response) => response.writeHead(503).end();
      const grant = tool.grant({ uses: 2 });
      await tryAll(
        Array.from({ length: 5 }, () => () => ask(tool, grant)),
        tool,
      );
    },
    { uses: 2 },
  ],
  ["after its time", refused(() => ({ until: Date.now() - 1 })), { uses: 0 }],
  [
    "after its time ran out in an approval",
    refused(() => {
      const until = Date.now() + 30;
      return { until, approve: () => new Promise((resolve) => setTimeout(resolve, 60, true)) };
    }),
    { uses: 0 },
  ],
  [
    "after it was revoked",
    async (tool) => {
      const grant = tool.grant();
      grant.revoke();
      await ask(tool, grant);
    },
    { uses: 0 },
  ],
  [
    "revoked while its approval is waited for",
    async (tool) => {
      const grant = tool.grant({
        approve: async () => {
          grant.revoke();
          return true;
        },
      });
      await ask(tool, grant);
    },
    { uses: 0 },
  ],
  [
    "what came after it was revoked",
    async (tool) => {
      const grant = tool.grant();
      tool.world.api.answer = ({ headers }, response) => {
        response.write("beginning\n");
        setTimeout(() => response.end(headers.authorization), 40);
      };
      const response = await ask(tool, grant);
      grant.revoke();
      await tool.tell(response);
    },
  ],
  ["against a no", refused(() => ({ approve: () => false })), { uses: 0 }],
  ["against an approval that fails", refused(() => ({ approve: () => Promise.reject(new Error("nobody there")) })), { uses: 0 }],
  ["with a yes that the model wrote", refused(() => ({ approve: () => "yes, go on" as never })), { uses: 0 }],
  [
    "for a secret that was not granted",
    async (tool) => {
      const grant = tool.grant({ references: ["test://token"] });
      await ask(tool, { fetch: grant.fetch, key: tool.key });
    },
    { uses: 0 },
  ],
  [
    "with another grant's placeholder",
    async (tool) => {
      const [mine, other] = [tool.grant(), tool.grant()];
      await ask(tool, { fetch: mine.fetch, key: other.key });
    },
    { uses: 0 },
  ],
  [
    "with a grant's placeholder, past the grant",
    async (tool) => {
      const grant = tool.grant({ uses: 0 });
      await ask(tool, { fetch: tool.fetch, key: grant.key });
    },
    { uses: 0 },
  ],
];
