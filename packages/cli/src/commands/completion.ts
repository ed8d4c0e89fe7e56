import { bashCompletion } from "../completions/bash.ts";
import { fishCompletion } from "../completions/fish.ts";
import { zshCompletion } from "../completions/zsh.ts";
import { writeOutput } from "../write-output.ts";

const scripts = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion };

export async function completion(shell: keyof typeof scripts): Promise<void> {
  return writeOutput(scripts[shell]);
}
