import { openSync } from "node:fs";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { ReadStream } from "node:tty";
import { SecretsError } from "@keyhold/core";

/** How long after a line more input still counts as pasted together with it. */
const pasteMs = 50;

/** `never` in this variable keeps everything from asking, also a config file's own copy of this module. */
export const askVariable = "KEYHOLD_ASK";

export interface AskOptions {
  /** Whether what is typed is shown. */
  readonly echo: boolean;
}

/**
 * Asks one line of whoever sits at the terminal, also where standard input is a pipe. The question goes to the terminal beside
 * the output, on standard error.
 *
 * @throws SecretsError `unsupported` without a terminal, `aborted` when the input ends, `invalid-argument` for several lines.
 */
export async function ask(question: string, { echo }: AskOptions): Promise<string> {
  const terminal = openTerminal();
  // What readline writes is the echo.
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({
    input: terminal.input,
    output: echo ? process.stderr : silent,
    terminal: true,
    historySize: 0,
  });
  try {
    process.stderr.write(echo ? "" : question);
    lines.setPrompt(echo ? question : "");
    lines.prompt();
    return await oneLine(lines);
  } finally {
    lines.close();
    terminal.close();
    if (!echo) process.stderr.write("\n");
  }
}

function oneLine(lines: ReturnType<typeof createInterface>): Promise<string> {
  const found: string[] = [];
  return new Promise((resolve, reject) => {
    lines.on("line", (line) => {
      found.push(line);
      if (found.length > 1) return;
      // A terminal hands a pasted text over line by line: storing its first line alone would lose the rest unseen.
      setTimeout(() => {
        if (found.length === 1 && lines.line === "") resolve(line);
        else {
          reject(
            new SecretsError("invalid-argument", "several lines came in, and the question takes one", {
              hint: "Read a value of several lines from a file: keyhold set NAME < FILE",
            }),
          );
        }
      }, pasteMs);
    });
    lines.on("SIGINT", () => {
      // As if nobody had caught it, so that a calling script ends too. The terminal is set back first.
      lines.close();
      process.kill(process.pid, "SIGINT");
    });
    lines.on("close", () => {
      if (found.length === 0)
        reject(new SecretsError("aborted", "the input ended before an answer", { hint: "Nothing was changed." }));
    });
  });
}

/** The terminal itself where the system has a name for it, so that nothing stays read ahead on standard input. */
function openTerminal(): { readonly input: NodeJS.ReadStream; close(): void } {
  const mayAsk = process.env[askVariable] !== "never";
  if (mayAsk && process.platform !== "win32") {
    try {
      const input = new ReadStream(openSync("/dev/tty", "r"));
      return { input, close: () => input.destroy() };
    } catch {
      // No controlling terminal; standard input may still be one.
    }
  }
  if (mayAsk && process.stdin.isTTY) return { input: process.stdin, close: () => process.stdin.pause() };
  throw new SecretsError("unsupported", "there is no terminal to ask on", {
    hint: "Run this in a terminal, or give what it asks for another way: see --help.",
  });
}
