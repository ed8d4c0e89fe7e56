import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type ErrorCode, isSecretsError } from "@keyhold/core";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { runWriter } from "../run-writer.ts";
import { seal } from "../seal.ts";
import type { TemporaryStore } from "../temporary-store.ts";
import type { Line, Task } from "../writer.ts";
import { type Check, currentText, put, type Subject, taskFor } from "./check.ts";

const nobody = 65534;
const isRoot = process.geteuid?.() === 0;
/** More than one call to write, and more than the small disks and limits here hold. */
const largeBytes = 200_000;

/** How a process that reads or writes ended. */
async function outcome(task: Task, options?: Parameters<typeof runWriter>[1]): Promise<Line> {
  const last = (await runWriter(task, options)).at(-1);
  assert.ok(last, "the process ended without a word");
  return last;
}

function failed(line: Line, code: ErrorCode, saying: RegExp): void {
  assert.ok(line.did === "fail", `it should have failed as ${code}, and did: ${line.did}`);
  assert.equal(line.code, code, line.message);
  assert.match(line.message, saying);
}

/** The error of a call, which must come soon: opening a FIFO would wait for ever. */
async function errorOf(call: Promise<unknown>): Promise<Line> {
  const late = sleep(3_000, "late", { ref: false });
  const ended = await Promise.race([late, call.then(() => undefined).catch((error: unknown) => error)]);
  if (!isSecretsError(ended)) return { did: "fail", code: "no SecretsError", message: String(ended) };
  assert.ok(ended.hint, "the error says nothing that could be done");
  return { did: "fail", code: ended.code, message: ended.message };
}

/** Nothing unfinished lies beside the store. */
function nothingLeft(files: TemporaryStore): void {
  const left = readdirSync(path.dirname(files.path)).filter((name) => name.endsWith(".tmp"));
  assert.deepEqual(left, [], "an unfinished file was left behind");
}

function factsOf(file: string): unknown {
  const stats = lstatSync(file);
  const { mode, uid, size, mtimeMs, ino } = stats;
  return { mode, uid, size, mtimeMs, ino, bytes: stats.isFile() ? readFileSync(file).toString("base64") : "" };
}

interface Spoiling {
  readonly title: string;
  readonly code: ErrorCode;
  readonly saying: RegExp;
  readonly skip?: Check["skip"];
  spoil(files: TemporaryStore): unknown;
  /** Lets go whoever hangs. */
  end?(files: TemporaryStore): void;
}

/** Spoils the store, and asserts that reading and writing both fail as they should and leave it as it is. */
function refused({ title, code, saying, skip, spoil, end }: Spoiling): Check {
  return {
    title: `${title} is refused as ${code}, and left as it is`,
    ...(skip === undefined ? {} : { skip }),
    async run(subject, files) {
      const store = subject.open(files);
      await put(store, "before");
      await spoil(files);
      const before = factsOf(files.path);
      try {
        failed(await errorOf(currentText(store)), code, saying);
        failed(await errorOf(put(store, "after")), code, saying);
      } finally {
        end?.(files);
      }
      assert.deepEqual(factsOf(files.path), before, "the store is not as it was");
      nothingLeft(files);
      return undefined;
    },
  };
}

/** Whether a process here may have mounts of its own: root may, and others where user namespaces are on. */
const unshare = isRoot ? "unshare -m" : "unshare -rm";
function mountsRefused(): string | undefined {
  const tried = spawnSync("sh", ["-c", `${unshare} mount -t tmpfs none /mnt`], { stdio: "ignore" });
  return tried.status === 0 ? undefined : "this machine lets no test mount a disk";
}

/**
 * Reads or writes a copy of the store on a disk of its own, which only that process sees. The last line is `changed` when
 * the copy is no longer what it was.
 */
function outcomeOnDisk(
  subject: Subject,
  files: TemporaryStore,
  size: string,
  prepare: string,
  task: Pick<Task, "kind" | "bytes">,
): Promise<Line> {
  const disk = path.join(files.folder, "disk");
  mkdirSync(disk, { recursive: true });
  const copy = path.join(disk, path.basename(files.path));
  const inside = [
    `mount -t tmpfs -o size=${size},mode=700 none "${disk}" && cp -p "${files.path}" "${copy}" && ${prepare} || exit 90`,
    '"$@"',
    `cmp -s "${files.path}" "${copy}" || echo '"'"'{"did":"changed"}'"'"'`,
    `test -z "$(find "${disk}" -name "*.tmp")" || echo '"'"'{"did":"changed"}'"'"'`,
  ].join("\n");
  return outcome({ ...taskFor(subject, files), path: copy, ...task }, { shell: `exec ${unshare} sh -c '${inside}' sh "$@"` });
}

/** A folder that its user may only read. */
async function unwritableFolder(
  subject: Subject,
  files: TemporaryStore,
  message: RegExp,
  prepare: (lockPath: string) => void,
): Promise<undefined> {
  await put(subject.open(files), "before");
  const before = files.bytes();
  const folder = path.dirname(files.path);
  prepare(path.join(folder, ".keyhold.age.lock"));
  if (isRoot) execFileSync("chown", ["-R", `${nobody}:${nobody}`, files.folder]);
  chmodSync(folder, 0o500);
  const task = { ...taskFor(subject, files), ...(isRoot ? { uid: nobody } : {}) };
  assert.equal((await outcome({ ...task, kind: "read" })).did, "read");
  failed(await outcome({ ...task, kind: "once" }), "permission-denied", message);
  assert.ok(files.bytes().equals(before), "the store is not as it was");
  return undefined;
}

export const hostileFileChecks: readonly Check[] = [
  refused({
    title: "a store that a symbolic link was put in place of",
    code: "permission-denied",
    saying: /symbolic link/,
    spoil({ path: store }) {
      renameSync(store, `${store}.elsewhere`);
      symlinkSync(`${store}.elsewhere`, store);
    },
  }),
  refused({
    title: "a FIFO in place of the store",
    code: "permission-denied",
    saying: /not a regular file/,
    spoil({ path: store }) {
      renameSync(store, `${store}.elsewhere`);
      execFileSync("mkfifo", ["-m", "600", store]);
    },
    end({ path: store }) {
      // Succeeds only while somebody waits for a writer, and ends that.
      try {
        closeSync(openSync(store, constants.O_WRONLY | constants.O_NONBLOCK));
      } catch {}
    },
  }),
  refused({
    title: "a store that its group may write",
    code: "permission-denied",
    saying: /may be written/,
    spoil: ({ path: store }) => chmodSync(store, 0o660),
  }),
  refused({
    title: "a store that everybody may write",
    code: "permission-denied",
    saying: /may be written/,
    spoil: ({ path: store }) => chmodSync(store, 0o602),
  }),
  refused({
    title: "a store of another user",
    code: "permission-denied",
    saying: /belongs to user 65534/,
    skip: () => (isRoot ? undefined : "only root can give a file away"),
    spoil: ({ path: store }) => chownSync(store, nobody, nobody),
  }),
  refused({
    title: "a truncated store",
    code: "decode",
    saying: /damaged/,
    spoil: (files) => truncateSync(files.path, files.bytes().length - 100),
  }),
  refused({ title: "an empty store", code: "decode", saying: /damaged/, spoil: (files) => truncateSync(files.path, 0) }),
  refused({
    title: "a store with a flipped bit",
    code: "decode",
    saying: /damaged/,
    spoil(files) {
      const bytes = files.bytes();
      // In the last line of the encrypted payload, by a letter that base64 has too.
      const at = bytes.lastIndexOf("\n-----END") - 30;
      bytes[at] = bytes[at] === 65 ? 66 : 65;
      writeFileSync(files.path, bytes);
    },
  }),
  refused({
    title: "a store that was made for another key",
    code: "permission-denied",
    saying: /key does not open/,
    spoil: async (files) => seal(files.path, "{}", await identityToRecipient(await generateX25519Identity())),
  }),
  refused({
    title: "a store of a later format",
    code: "unsupported",
    saying: /has format 2/,
    spoil: (files) => seal(files.path, '{"format":"keyhold-store","formatVersion":2,"secrets":[]}', files.recipient),
  }),
  refused({
    title: "an age file that is no store",
    code: "decode",
    saying: /not a Keyhold store/,
    spoil: (files) => seal(files.path, "{}", files.recipient),
  }),
  {
    title: "a link put in place of the lock file is refused, and what it points to is left as it is",
    async run(subject, files) {
      const victim = path.join(files.folder, "victim");
      writeFileSync(victim, "precious", { mode: 0o600 });
      symlinkSync(victim, path.join(path.dirname(files.path), ".keyhold.age.lock"));
      failed(await outcome({ ...taskFor(subject, files), kind: "once" }), "permission-denied", /symbolic link/);
      assert.equal(lstatSync(victim).size, 8);
      return undefined;
    },
  },
  {
    title: "a write over the file size limit (EFBIG) is unavailable, and changes nothing",
    async run(subject, files) {
      await put(subject.open(files), "before");
      const before = files.bytes();
      const task = { ...taskFor(subject, files), kind: "once", bytes: largeBytes } as const;
      failed(await outcome(task, { shell: 'ulimit -f 64; exec "$@"' }), "unavailable", /EFBIG/);
      assert.ok(files.bytes().equals(before), "the store is not as it was");
      nothingLeft(files);
      return undefined;
    },
  },
  {
    title: "a write to a full disk (ENOSPC) is unavailable, and changes nothing",
    skip: mountsRefused,
    async run(subject, files) {
      await put(subject.open(files), "before");
      failed(await outcomeOnDisk(subject, files, "64k", "true", { kind: "once", bytes: largeBytes }), "unavailable", /ENOSPC/);
      return undefined;
    },
  },
  {
    title: "a store on a read-only disk is read, and a write there is unsupported",
    skip: mountsRefused,
    async run(subject, files) {
      await put(subject.open(files), "before");
      const readOnly = `mount -o remount,ro "${path.join(files.folder, "disk")}"`;
      assert.equal((await outcomeOnDisk(subject, files, "64k", readOnly, { kind: "read" })).did, "read");
      failed(await outcomeOnDisk(subject, files, "64k", readOnly, { kind: "once" }), "unsupported", /EROFS/);
      return undefined;
    },
  },
  {
    title: "a store in a folder that may not be written is read, and a write there is permission-denied",
    run: (subject, files) => unwritableFolder(subject, files, /EACCES/, (lockPath) => rmSync(lockPath, { force: true })),
  },
  {
    title: "so it is where an earlier write has left its lock file",
    run: (subject, files) => unwritableFolder(subject, files, /may not be written/, () => {}),
  },
];
