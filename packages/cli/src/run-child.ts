import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { isatty } from "node:tty";
import { SecretsError } from "@keyhold/core";
import spawn from "cross-spawn";

/** What a supervisor or a terminal sends to end, reload or ask something of a program. */
const forwarded = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGCONT"] as const;

/** As env(1), nohup(1) and shells report them. */
const cannotRun = 126;
const noSuchCommand = 127;

/** Why a command could not be started. */
export interface StartFailure extends SecretsError {
  readonly exitCode: number;
}

/**
 * Runs a command on this process's own standard input and output, with signals passed on, and gives its exit status: 128 + N
 * when signal N ended it.
 *
 * @throws SecretsError `not-found` or `invalid-argument` when it cannot be started, with the `exitCode` that says so.
 */
export function runChild(words: readonly string[], environment: NodeJS.ProcessEnv): Promise<number> {
  const [command = "", ...rest] = words;
  return new Promise((resolve, reject) => {
    let child: ChildProcess;
    try {
      child = spawn(command, rest, { env: environment, stdio: "inherit" });
    } catch (error) {
      // Node throws some failures and emits others. Its error holds the arguments, and goes no further.
      reject(startError((error as NodeJS.ErrnoException).code));
      return;
    }
    const stop = forwardSignals(child);
    child.on("error", (error: NodeJS.ErrnoException) => {
      // A child that runs as somebody else, as under sudo, may not be signalled. It runs on, and its end is waited for.
      if (child.pid !== undefined) return;
      stop();
      reject(startError(error.code));
    });
    child.once("exit", (code, signal) => {
      stop();
      resolve(code ?? 128 + constants.signals[signal as NodeJS.Signals]);
    });
  });
}

function forwardSignals(child: ChildProcess): () => void {
  const listeners = forwarded.map((signal) => {
    const isKey = signal === "SIGINT" || signal === "SIGQUIT";
    const listener = () => {
      // Ctrl-C reaches every process in the terminal's foreground: the child has it already, and to some programs a second one
      // means "at once".
      if (!(isKey && isInForeground())) child.kill(signal);
    };
    process.on(signal, listener);
    return () => process.off(signal, listener);
  });
  return () => {
    for (const remove of listeners) remove();
  };
}

/** Whether this process is in the foreground of a terminal, so that the terminal's keys reach it and its child. */
function isInForeground(): boolean {
  try {
    // proc_pid_stat(5): behind the command's name in parentheses come state, ppid, pgrp, session, tty_nr, tpgid.
    const [, , group, , , foreground] = readFileSync("/proc/self/stat", "latin1")
      .replace(/^.*\) /s, "")
      .split(" ");
    return group === foreground;
  } catch {
    return [0, 1, 2].some((descriptor) => isatty(descriptor));
  }
}

function startError(code: string | undefined): StartFailure {
  const missing = code === "ENOENT";
  const error = missing
    ? new SecretsError("not-found", "there is no such command", { hint: "Check its spelling and PATH." })
    : new SecretsError("invalid-argument", `the command cannot be run (${code ?? "unknown error"})`, {
        hint:
          code === "E2BIG"
            ? "A variable is too large for the system, or all are together. Give the program a file, or let it read the secret."
            : "Is it executable?",
      });
  return Object.assign(error, { exitCode: missing ? noSuchCommand : cannotRun });
}
