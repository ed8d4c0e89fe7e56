// A process of its own that writes to a store: `node writer.ts JSON`. It prints one line of JSON for each thing it did.
import { writeSync } from "node:fs";
import { isSecretsError } from "@keyhold/core";
import { callContext } from "@keyhold/testing";
import { loadAge } from "../src/age.ts";
import { localWithSteps } from "../src/local.ts";
import type { Step } from "../src/write-file.ts";
import { naiveStore } from "./naive-store.ts";

/** What the process is told to do. */
export interface Task {
  readonly store: "local" | "naive";
  readonly path: string;
  readonly identityPath: string;
  /**
   * `append`: writes `count` numbered values of some `bytes` bytes to `secret`. `count`: adds 1 to the number in `secret`, `count` times.
   * `once`: one write of `bytes` bytes. `read`: one read.
   */
  readonly kind: "append" | "count" | "once" | "read";
  readonly secret: string;
  readonly count?: number;
  readonly bytes?: number;
  /** The number of the first value that `append` writes. */
  readonly first?: number;
  /** Kill this process when it comes to this moment for the `killAfter`th time. */
  readonly killAt?: Parameters<Step>[0];
  readonly killAfter?: number;
  /** Become this user first, with all modules loaded: the user may not be able to read them. */
  readonly uid?: number;
}

/** What it prints. */
export type Line =
  | { readonly did: "write"; readonly number: number; readonly version: string; readonly at: number }
  | { readonly did: "read" }
  | { readonly did: "changed" }
  | { readonly did: "fail"; readonly code: string; readonly message: string };

const print = (line: Line) => writeSync(1, `${JSON.stringify(line)}\n`);

/** A value that shows by itself whether it is whole. */
export function numberedValue(number: number, bytes: number): string {
  return `${number}:${String(number % 10).repeat(bytes)}:${number}`;
}

async function run(task: Task): Promise<void> {
  if (task.uid !== undefined) {
    await loadAge();
    process.setgroups?.([]);
    process.setgid?.(task.uid);
    process.setuid?.(task.uid);
  }
  let left = task.killAfter ?? 1;
  const step: Step = (moment) => {
    if (moment === task.killAt && --left === 0) process.kill(process.pid, "SIGKILL");
  };
  const { path, identityPath, secret, count = 1, bytes = 1 } = task;
  const store = task.store === "local" ? localWithSteps({ path, identityPath }, step) : naiveStore(path, identityPath, step);
  const context = () => callContext({ deadlineMs: 60_000 });
  const write = async (number: number, value: string, ifVersion?: string) => {
    const { version } = await store.write({ path: secret }, { kind: "opaque", value }, { ifVersion }, context());
    print({ did: "write", number, version, at: Date.now() });
  };

  if (task.kind === "read") {
    await store.read({ path: secret }, context());
    print({ did: "read" });
  } else if (task.kind === "once") {
    await write(1, "x".repeat(bytes));
  } else if (task.kind === "append") {
    const first = task.first ?? 1;
    for (let number = first; number < first + count; number++) await write(number, numberedValue(number, bytes));
  } else {
    for (let done = 0; done < count; ) {
      const { content, version } = await store.read({ path: secret }, context());
      const number = content.kind === "opaque" ? Number(content.value) : Number.NaN;
      try {
        await write(number + 1, String(number + 1), version);
        done++;
      } catch (error) {
        if (!isSecretsError(error, "conflict")) throw error;
      }
    }
  }
}

if (import.meta.main ?? process.argv[1] === import.meta.filename) {
  run(JSON.parse(process.argv[2] ?? "{}")).catch((error) => {
    print({ did: "fail", code: isSecretsError(error) ? error.code : String(error?.code), message: String(error?.message) });
    process.exitCode = 1;
  });
}
