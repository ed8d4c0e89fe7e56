/**
 * Keeps Node's notes about its own experimental parts (type stripping, SQLite on Node 22) off the terminal of somebody who only
 * stores a secret. Every other warning is printed as before.
 */
export function quietExperimentalWarnings(): void {
  const printers = process.listeners("warning");
  process.removeAllListeners("warning");
  process.on("warning", (warning) => {
    if (warning.name === "ExperimentalWarning") return;
    for (const print of printers) print.call(process, warning);
  });
}
