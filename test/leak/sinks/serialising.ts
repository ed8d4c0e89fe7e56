import { once } from "node:events";
import { inspect } from "node:util";
import { deserialize, serialize } from "node:v8";
import { MessageChannel, receiveMessageOnPort, Worker } from "node:worker_threads";
import { gzipSync } from "node:zlib";
import { stringify as devalue, uneval } from "devalue";
import lodash from "lodash";
import superjson from "superjson";
import { stringify as yaml } from "yaml";
import { everything, failure, type Sinks } from "../sink.ts";

/** What turns objects into bytes, and what copies them. */
export const serialising: Sinks = {
  "JSON.stringify": (value) => JSON.stringify(value),
  "JSON.stringify in an object": (value) => JSON.stringify({ list: [{ value }] }),
  "JSON.stringify with a replacer": (value) =>
    JSON.stringify({ value }, (_key, item) => (typeof item === "object" && item !== null ? { ...item } : item)),
  "JSON.stringify of all own names": (value) => JSON.stringify(value, Object.getOwnPropertyNames(Object(value))) ?? "",
  "JSON.stringify with toJSON deleted": (value) => {
    const target = Object(value);
    Reflect.deleteProperty(target, "toJSON");
    Reflect.deleteProperty(Object.getPrototypeOf(target), "toJSON");
    Reflect.defineProperty(target, "toJSON", { value: undefined });
    return JSON.stringify({ target });
  },
  "JSON.stringify of a copy of its properties": (value) =>
    JSON.stringify(Object.create(null, Object.getOwnPropertyDescriptors(Object(value)))),
  "JSON inside JSON": (value) => JSON.stringify({ body: JSON.stringify({ value }) }),
  "gzip of JSON": (value) => gzipSync(JSON.stringify({ value })),
  "gzip of JSON, in base64": (value) => gzipSync(JSON.stringify({ value })).toString("base64"),
  structuredClone: (value) => failure(() => structuredClone(value)),
  "structuredClone in a map": (value) => failure(() => structuredClone(new Map([["value", { value }]]))),
  "structuredClone of an error that carries it": (value) => failure(() => structuredClone(new Error("x", { cause: value }))),
  "v8.serialize": (value) => serialize({ value }),
  "v8.deserialize": (value) => failure(() => deserialize(serialize({ value }))),
  "a message port": (value) => {
    const { port1, port2 } = new MessageChannel();
    try {
      port1.postMessage({ value });
      return inspect(receiveMessageOnPort(port2), everything);
    } finally {
      port1.close();
    }
  },
  "a worker's workerData": (value) => workerEcho({ workerData: value }),
  "a worker's environment": (value) => workerEcho({ env: { VALUE: value } }),
  "a worker's arguments": (value) => workerEcho({ argv: [value] }),
  "postMessage to a worker": (value) => workerEcho({}, value),
  superjson: (value) => superjson.stringify({ value }),
  "devalue.stringify": (value) => failure(() => devalue({ value })),
  "devalue.uneval": (value) => failure(() => uneval({ value })),
  "lodash.cloneDeep": (value) => inspect(lodash.cloneDeep({ value }), { ...everything, customInspect: false }),
  "lodash.merge": (value) => inspect(lodash.merge({}, { value }), { ...everything, customInspect: false }),
  "lodash.toPlainObject": (value) => inspect(lodash.toPlainObject(value), { ...everything, customInspect: false }),
  "lodash.flatMapDeep over values": (value) =>
    inspect(
      lodash.flatMapDeep([value], (item) => lodash.values(item)),
      everything,
    ),
  "lodash.template": (value) => lodash.template("<%- value %>")({ value }),
  "YAML.stringify": (value) => yaml({ value }),
};

async function workerEcho(options: object, message?: unknown): Promise<string> {
  const code = `
    const { parentPort, workerData } = require("node:worker_threads");
    const seen = { workerData, argv: process.argv, env: process.env.VALUE };
    parentPort.once("message", (message) => parentPort.postMessage({ ...seen, message }));
  `;
  const worker = new Worker(code, { eval: true, ...options });
  try {
    worker.postMessage(message);
    return inspect(await once(worker, "message"), everything);
  } finally {
    await worker.terminate();
  }
}
