import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { freePort, onFreePort, type ServerProcess, startProcess } from "./processes.ts";

const node = (script: string, ready: (output: string) => boolean, readyWithinMs?: number): Promise<ServerProcess> =>
  startProcess({ name: "the server", command: process.execPath, args: ["-e", script], ready, readyWithinMs });

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  // In a container, an orphan that ended may wait for ever for somebody to ask how.
  const status = `/proc/${pid}/stat`;
  return !existsSync(status) || !/\) Z /.test(readFileSync(status, "utf8"));
};

async function until(what: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 400 && !what(); attempt++) await new Promise((resolve) => setTimeout(resolve, 25));
  expect(what()).toBe(true);
}

const waits = "setInterval(() => {}, 1000);";

test.concurrent("a server that ends at once fails with what it printed", async () => {
  const start = node("console.log('no licence'); console.error('giving up'); process.exit(3)", () => false);
  await expect(start).rejects.toThrow(/the server ended with 3[\s\S]*no licence[\s\S]*giving up/);
});

test.concurrent("a program that is not there fails at once", async () => {
  const start = startProcess({ name: "the server", command: "/nowhere/server", args: [], ready: () => false });
  await expect(start).rejects.toThrow(/could not be started: .*ENOENT/);
});

test.concurrent("a server that is not ready in time is stopped", async () => {
  const start = node(`console.log(process.pid); ${waits}`, () => false, 400);
  const error: Error = await start.then(
    () => expect.unreachable(),
    (reason) => reason,
  );
  expect(error.message).toMatch(/not ready in 400 ms/);
  expect(isAlive(Number(/printed:\n(\d+)/.exec(error.message)?.[1]))).toBe(false);
});

test.concurrent("a server is stopped with all that it started, and may be stopped twice", async () => {
  const script = `const { spawn } = require("node:child_process"); console.log("child", spawn("sleep", ["60"]).pid, "."); ${waits}`;
  const server = await node(script, (output) => output.includes("."));
  const child = Number(/child (\d+)/.exec(server.output())?.[1]);
  expect([server.pid, child].map(isAlive)).toEqual([true, true]);
  await Promise.all([server.stop(), server.stop()]);
  await server.stop();
  expect(isAlive(server.pid)).toBe(false);
  await until(() => !isAlive(child));
});

test.concurrent("a server that will not stop is killed", async () => {
  const server = await node(`process.on("SIGTERM", () => {}); console.log("up"); ${waits}`, (output) => output.startsWith("up"));
  await server.stop();
  expect(isAlive(server.pid)).toBe(false);
});

test.concurrent("a server ends with the process that started it, also when that is killed", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "keyhold-processes-"));
  const parentScript = path.join(folder, "parent.ts");
  const module = JSON.stringify(new URL("processes.ts", import.meta.url).href);
  const options = `{ name: "sleep", command: "sleep", args: ["60"], ready: () => true }`;
  await writeFile(parentScript, `import { startProcess } from ${module};\nconsole.log((await startProcess(${options})).pid);\n`);
  for (const signal of ["SIGKILL", "SIGTERM"] as const) {
    const parent = spawn(process.execPath, [parentScript], { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = await once(parent.stdout, "data");
    const pid = Number(String(line));
    expect(isAlive(pid)).toBe(true);
    parent.kill(signal);
    await until(() => !isAlive(pid));
  }
  await rm(folder, { recursive: true });
});

test.concurrent("a port that was taken in between is given up for another", async () => {
  const blocker = createServer().listen(0, "127.0.0.1");
  await once(blocker, "listening");
  const { port: taken } = blocker.address() as { port: number };
  const ports: number[] = [];
  const server = await onFreePort((free) => {
    ports.push(free);
    const port = ports.length === 1 ? taken : free;
    return node(`require("node:net").createServer().listen(${port}, "127.0.0.1", () => console.log("up"))`, (output) =>
      output.startsWith("up"),
    );
  });
  expect(ports).toHaveLength(2);
  const socket = connect(ports[1] as number, "127.0.0.1");
  await once(socket, "connect");
  socket.destroy();
  await server.stop();
  blocker.close();
});

test.concurrent("free ports differ while they are used", async () => {
  const first = createServer().listen(await freePort(), "127.0.0.1");
  await once(first, "listening");
  expect(await freePort()).not.toBe((first.address() as { port: number }).port);
  first.close();
});
