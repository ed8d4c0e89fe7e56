import { SecretsError } from "@keyhold/core";
import type { AgentOptions } from "./agent-options.ts";

const variables = ["AWS_TOKEN", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN"] as const;
const usualFile = "/var/run/awssmatoken";

async function readToken(file: string): Promise<string> {
  let text: string;
  try {
    // Not by node:fs/promises, which loads twelve more of Node's modules.
    const { promisify } = process.getBuiltinModule("node:util");
    text = await promisify(process.getBuiltinModule("node:fs").readFile)(file, "utf8");
  } catch (error) {
    const code = String((error as NodeJS.ErrnoException).code);
    throw new SecretsError("unauthenticated", `the file with the local agent's token cannot be read (${code})`, {
      provider: "aws",
      hint: "Set agent.tokenFile or AWS_TOKEN, and let this user read the file: the agent's installer makes a group for it.",
    });
  }
  const token = text.trim();
  if (token !== "") return token;
  throw new SecretsError("unauthenticated", "the file with the local agent's token is empty", {
    provider: "aws",
    hint: "The agent writes it when it starts: is it running?",
  });
}

/** The token that the agent wants, looked for where the agent itself looks. @throws SecretsError `unauthenticated`. */
export async function agentToken({ token, tokenFile }: AgentOptions): Promise<string> {
  if (token !== undefined) return token;
  if (tokenFile !== undefined) return readToken(tokenFile);
  const set = variables.map((name) => process.env[name]).find(Boolean);
  if (set === undefined) return readToken(usualFile);
  return set.startsWith("file://") ? readToken(set.slice("file://".length)) : set;
}
