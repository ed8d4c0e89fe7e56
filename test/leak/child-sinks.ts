import { spawnSync } from "node:child_process";
import { EventEmitter } from "node:events";
import { request } from "node:http";
import { createServer } from "node:net";
import { Worker } from "node:worker_threads";
import type { Anything } from "./subject.ts";

export interface ChildSink {
  /** Flags for Node. */
  readonly flags?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Opens a channel to the parent, with this serialisation. */
  readonly channel?: "json" | "advanced";
  /** Runs in a process of its own. Whatever it writes to its streams, its channel and its folder is searched. */
  readonly run: (value: Anything) => unknown;
}

/** What only a whole process does: dying of an error, reporting about itself, talking to its parent. */
export const childSinks: Readonly<Record<string, ChildSink>> = {
  "the process's own console": {
    run: (value) => {
      console.log(value, { value });
      console.error(Object.assign(new Error("x", { cause: value }), { value }));
      console.table([value]);
    },
  },
  "an uncaught error that carries it": {
    run: (value) => {
      throw Object.assign(new Error("x", { cause: value }), { value });
    },
  },
  "an uncaught value": {
    run: (value) => {
      throw value;
    },
  },
  "an uncaught error with trace-uncaught": {
    flags: ["--trace-uncaught"],
    run: (value) => {
      throw Object.assign(new Error(`refused ${value}`), { list: [value] });
    },
  },
  "an unhandled rejection with an error": {
    run: (value) => void Promise.reject(Object.assign(new Error("x"), { value })),
  },
  "an unhandled rejection with the value": { run: (value) => void Promise.reject(value) },
  "an unhandled rejection as a warning": {
    flags: ["--unhandled-rejections=warn"],
    run: (value) => void Promise.reject(value),
  },
  "an emitter's error, uncaught": { run: (value) => void new EventEmitter().emit("error", value) },
  "an uncaught error in a timer": {
    run: (value) => {
      setTimeout(() => {
        throw new AggregateError([value, new Error("x", { cause: value })]);
      }, 1);
    },
  },
  "a warning": {
    run: (value) => process.emitWarning(Object.assign(new Error(`warned of ${value}`), { name: "Warning", detail: `${value}` })),
  },
  "a diagnostic report": {
    flags: ["--report-exclude-network"],
    run: (value) => {
      process.env.VALUE = value;
      process.title = `${value}`;
      process.report.directory = process.cwd();
      process.report.writeReport(new Error(`refused ${value}`, { cause: value }));
    },
  },
  "a diagnostic report of an uncaught error": {
    flags: ["--report-uncaught-exception", "--report-directory=.", "--report-exclude-network"],
    run: (value) => {
      throw Object.assign(new Error(`refused ${value}`), { value });
    },
  },
  "a child's arguments and environment": {
    run: (value) => {
      const script = "console.log(process.argv, process.env)";
      const { stdout, stderr } = spawnSync(process.execPath, ["-e", script, "--", `${value}`], {
        env: { VALUE: value } as never,
      });
      process.stdout.write(stdout);
      process.stderr.write(stderr);
    },
  },
  "process.send as JSON": { channel: "json", run: (value) => send({ value, list: [value] }) },
  "process.send by structured clone": { channel: "advanced", run: (value) => send({ value, list: [value] }) },
  "process.send of an error": {
    channel: "advanced",
    run: (value) => send(Object.assign(new Error(`${value}`), { cause: value })),
  },
  "a worker's uncaught error": {
    run: (value) => {
      const code = `const { workerData } = require("node:worker_threads"); throw Object.assign(new Error("x"), workerData);`;
      new Worker(code, { eval: true, workerData: { value } });
    },
  },
  "a worker's console": {
    run: (value) =>
      void new Worker(`console.log(require("node:worker_threads").workerData)`, { eval: true, workerData: [value] }),
  },
  "NODE_DEBUG=http": {
    environment: { NODE_DEBUG: "http,net,stream,tls" },
    run: (value) => {
      const server = createServer((socket) => socket.end("HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n"));
      server.listen(0, "127.0.0.1", () => {
        try {
          const { port } = server.address() as { port: number };
          const call = request({ host: "127.0.0.1", port, agent: false, headers: { "x-api-key": value }, auth: `app:${value}` });
          call.on("error", (error) => console.error(error));
          call.on("close", () => server.close());
          call.end();
        } catch (error) {
          console.error(error);
          server.close();
        }
      });
    },
  },
  "a failing test of node:test": {
    run: async (value) => {
      const [{ test }, { default: assert }] = await Promise.all([import("node:test"), import("node:assert")]);
      test(`compares ${value}`, () => assert.deepStrictEqual({ value }, { value: 1 }));
    },
  },
  "a performance trace": {
    flags: ["--trace-event-categories=node.perf,node.console", "--trace-event-file-pattern=trace.json"],
    run: (value) => {
      console.time(`${value}`);
      performance.mark(`${value}`, {});
      console.timeEnd(`${value}`);
    },
  },
  "standard output": {
    run: (value) => {
      process.stdout.write(`${value}\n`);
      process.stdout.write(value);
    },
  },
};

function send(message: object): void {
  process.send?.(message);
}
