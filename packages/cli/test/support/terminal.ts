import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { afterAll } from "vitest";

/** Why there is no pseudo-terminal on this machine, or undefined. script(1) gives one: it is in every Debian and macOS. */
export const noTerminal: string | undefined =
  process.platform === "linux" || process.platform === "darwin"
    ? spawnSync("script", ["-q", "/dev/null", ...(process.platform === "linux" ? ["-c", "true"] : ["true"])], { stdio: "ignore" })
        .error
      ? "this machine has no script(1)"
      : undefined
    : "script(1) is on Linux and macOS only";

export interface Terminal {
  /** Everything that was shown so far. */
  screen(): string;
  /** Waits until this is shown behind what was shown at the last wait. */
  shows(text: string): Promise<void>;
  type(text: string): void;
  /** Waits for the end, and gives the exit status. */
  ended(): Promise<number>;
}

export interface TerminalOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

const running = new Set<ChildProcess>();
afterAll(() => {
  for (const child of running) child.kill("SIGKILL");
});

const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;

/** Runs a command with a pseudo-terminal as its controlling terminal, as somebody at a keyboard would. */
export function openTerminal(words: readonly string[], { cwd, env }: TerminalOptions): Terminal {
  const line = `exec ${words.map(quoted).join(" ")}`;
  const rest = process.platform === "linux" ? ["-qefc", line, "/dev/null"] : ["-q", "/dev/null", "/bin/sh", "-c", line];
  const child = spawn("script", rest, { cwd, env: { TERM: "xterm", SHELL: "/bin/sh", ...env } });
  let screen = "";
  let seen = 0;
  let status: number | undefined;
  const listeners = new Set<() => void>();
  const changed = () => {
    for (const listener of [...listeners]) listener();
  };
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      screen += chunk;
      changed();
    });
  }
  child.stdin.on("error", () => {});
  child.once("close", (code) => {
    status = code ?? -1;
    running.delete(child);
    changed();
  });
  running.add(child);
  const until = (isDone: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const check = () => {
        if (!isDone() && status === undefined) return;
        listeners.delete(check);
        resolve();
      };
      listeners.add(check);
      check();
    });
  return {
    screen: () => screen,
    async shows(text) {
      await until(() => screen.indexOf(text, seen) !== -1);
      const at = screen.indexOf(text, seen);
      if (at === -1)
        throw new Error(`the command ended (${status}) and never showed ${JSON.stringify(text)}; it showed:\n${screen}`);
      seen = at + text.length;
    },
    type: (text) => child.stdin.write(text),
    async ended() {
      await until(() => status !== undefined);
      return status as number;
    },
  };
}
