import { constants } from "node:os";

/** Ctrl-C in the middle of an example exits, so that what hangs on the exit happens: servers are killed, folders removed. */
export function exitOnSignals(): void {
  // Not once: Ctrl-C comes twice, from the terminal, and from npm or the script that runs this one.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => process.exit(128 + constants.signals[signal]));
  }
}
