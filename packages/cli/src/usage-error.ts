import { CommanderError } from "commander";

/** Exit statuses of the command. `run` gives back the status of what it ran. */
export const exitStatus: { readonly done: 0; readonly failed: 1; readonly usage: 2 } = { done: 0, failed: 1, usage: 2 };

/** A command line that says something wrong or incomplete: exit status 2. `hint` says what to write instead. */
export interface UsageError extends CommanderError {
  readonly hint: string;
}

export function usageError(message: string, hint: string): UsageError {
  return Object.assign(new CommanderError(exitStatus.usage, "keyhold.usage", message), { hint });
}
