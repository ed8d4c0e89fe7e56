import { SecretsError } from "@keyhold/core";

/**
 * Writes to standard output and waits until it is taken, so that a full disk is an error and not a short file.
 *
 * @throws SecretsError `unavailable` when it cannot be written. A reader that has gone is no error: it had what it wanted.
 */
export function writeOutput(data: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    // The stream tells an error twice, to the callback and then as an event, which ends a process where nobody listens.
    const ignore = () => {};
    process.stdout.on("error", ignore);
    process.stdout.write(data, (error?: NodeJS.ErrnoException | null) => {
      if (!error) process.stdout.off("error", ignore);
      if (!error || error.code === "EPIPE") resolve();
      else
        reject(
          new SecretsError("unavailable", `standard output cannot be written: ${error.code}`, { hint: "Is the disk full?" }),
        );
    });
  });
}

export function writeJson(value: unknown): Promise<void> {
  return writeOutput(`${JSON.stringify(value, null, 2)}\n`);
}
