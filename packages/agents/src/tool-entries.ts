import { SecretsError } from "@keyhold/core";
import { pathText } from "./tool-config-problem.ts";

export type Fields = Readonly<Record<string, unknown>>;

/** One tool of a configuration. */
export interface ToolEntry {
  readonly name: string;
  /** Where it stands, for errors. */
  readonly path: readonly string[];
  readonly config: Fields;
}

export const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value);

/** What tools stand under in the files of others: plain lists, MCP clients, workflows. */
const wrappers = ["tools", "mcpServers", "servers", "nodes"];

const textOf = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);

function nameOf(config: Fields): string | undefined {
  const inner = isFields(config.function) ? config.function : {};
  return textOf(config.name) ?? textOf(inner.name) ?? textOf(config.id) ?? textOf(config.title);
}

/** The tools of a configuration, with their names. @throws SecretsError `invalid-argument` for what holds no tools. */
export function toolEntries(config: unknown): ToolEntry[] {
  const found = isFields(config) ? wrappers.filter((name) => typeof config[name] === "object" && config[name] !== null) : [];
  const [wrapper] = found;
  const held = wrapper === undefined ? config : (config as Fields)[wrapper];
  const base = wrapper === undefined ? [] : [wrapper];
  const refuse = (path: readonly string[], what: string) =>
    new SecretsError("invalid-argument", `${pathText([...base, ...path])}: ${what}`, {
      hint: "It is a list of tools with names, or an object with a tool under each name; either may stand under tools, mcpServers, servers or nodes.",
    });
  if (found.length > 1) throw refuse([], `tools stand under ${found.join(" and ")}`);
  if (typeof held !== "object" || held === null) throw refuse([], "neither a list nor an object of tools");
  const entries = Object.entries(held).map(([key, tool]) => {
    if (!isFields(tool)) throw refuse([key], "this is no tool");
    const name = Array.isArray(held) ? nameOf(tool) : key;
    if (name === undefined) throw refuse([key], "this tool has no name");
    return { name, path: [...base, key], config: tool };
  });
  const names = entries.map(({ name }) => name);
  const twice = entries.find(({ name }, index) => names.indexOf(name) !== index);
  if (twice) throw refuse(twice.path.slice(base.length), "an earlier tool has the same name");
  return entries;
}
