import type { RotateAllProgress } from "./rotate-all.ts";

const width = 30;

/** Draws the progress of `rotateAll`: one line that moves on a terminal, a line for each secret elsewhere. Default: standard error. */
export function progressBar(
  stream: { write(text: string): unknown; readonly isTTY?: boolean } = process.stderr,
): (progress: RotateAllProgress) => void {
  return ({ reference, outcome, done, total }) => {
    if (!stream.isTTY) {
      stream.write(`${done}/${total} ${outcome} ${reference}\n`);
      return;
    }
    const filled = Math.round((done / total) * width);
    const bar = "█".repeat(filled) + "░".repeat(width - filled);
    const line = `${bar} ${done}/${total} ${outcome} ${reference}`;
    // What fails stays on the screen.
    stream.write(`\r\x1b[K${line}${outcome === "failed" || done === total ? "\n" : ""}`);
  };
}
