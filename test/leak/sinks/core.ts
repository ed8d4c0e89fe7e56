import { channel } from "node:diagnostics_channel";
import { setTimeout } from "node:timers/promises";
import { inspect } from "node:util";
import type { Content, Provider } from "@keyhold/core";
import { z } from "zod";
import { type Emit, everything, failure, type SinkContext, type Sinks, shown } from "../sink.ts";

/** An error as HTTP clients of vendors throw it: everything hangs on it, and its message quotes what came back. */
function vendorError(text: string): Error {
  const config = { url: `https://app:${text}@backend/`, headers: { authorization: `Bearer ${text}` }, data: { value: text } };
  return Object.assign(new Error(`backend said no to ${text}`, { cause: new Error(text) }), {
    name: `Backend${text}`,
    code: text,
    config,
    request: { getHeaders: () => config.headers, config },
    response: { status: 401, body: JSON.stringify({ errors: [text] }), config },
    errors: [new Error(text)],
  });
}

function raiseVendorError(text: string): never {
  throw vendorError(text);
}

const features = { versions: true, stages: false, binary: true, leases: false };

const failing = (raise: () => never): Provider => ({
  kind: "vault",
  features,
  read: async () => raise(),
  write: async () => raise(),
  remove: async () => raise(),
  list: async () => raise(),
  versions: async () => raise(),
  // biome-ignore lint/correctness/useYield: it fails before it gives anything.
  watch: async function* () {
    raise();
  },
  close: async () => raise(),
});

const holding = (content: Content): Provider => ({
  kind: "vault",
  features,
  read: async () => ({ content, version: "7" }),
});

/** The client's error when its driver fails by `raise`, for each way of calling it. */
const driverFailure =
  (call: (client: any) => unknown, raise: (text: string) => never = raiseVendorError): Emit =>
  async (_value, { subject, text }) => {
    const events: string[] = [];
    const client = subject.createSecrets(
      failing(() => raise(text)),
      (event) => events.push(inspect(event, everything), JSON.stringify(event)),
    );
    const outcome = await failure(() => call(client));
    await Promise.resolve(client.close()).catch(() => {});
    return [outcome, ...events];
  };

/** What can be seen of a client that holds the secret. */
const holdingClient =
  (look: (client: any, value: any) => string | Promise<string>): Emit =>
  async (_value, { subject, text, shape }) => {
    const fields = { username: "app", password: text };
    const opaque = shape === "bytes" ? Buffer.from(text) : shape === "field" ? JSON.stringify(fields) : text;
    const client = subject.createSecrets(
      holding(shape === "fields" ? { kind: "fields", fields } : { kind: "opaque", value: opaque }),
    );
    try {
      return await look(client, await client.get("vault://prod/app"));
    } finally {
      await client.close();
    }
  };

const refusal =
  (write: (text: string) => string): Emit =>
  (_value, { subject, text }) =>
    failure(() => subject.parseReference(write(text)));

const refusalOfClient =
  (write: (text: string) => string): Emit =>
  async (_value, { subject, text }: SinkContext) => {
    const client = subject.createSecrets(holding({ kind: "opaque", value: "x" }));
    const outcome = await failure(() => client.get(write(text)));
    await client.close();
    return outcome;
  };

async function firstOf(iterable: AsyncIterable<unknown>): Promise<unknown> {
  for await (const item of iterable) return item;
  return undefined;
}

/** Keyhold's own errors, events and objects. The control is a client and a parser that mean well. */
export const core: Sinks = {
  "a refused reference, user and password": refusal((text) => `https://app:${text}@db/app`),
  "a refused reference, a password with an encoded @": refusal((text) => `vault://app:${encodeURIComponent(text)}@db/app`),
  "a refused reference, a parameter": refusal((text) => `vault://app?token=${text}`),
  "a refused reference, a parameter's name": refusal((text) => `vault://app?${text}`),
  "a refused reference, no scheme": refusal((text) => text),
  "a refused reference, before the scheme": refusal((text) => `${text}://app`),
  "a refused reference, white space": refusal((text) => `vault://app/${text} x`),
  "a refused reference, a broken escape": refusal((text) => `vault://app/${text}%zz`),
  "a refused reference, a broken pointer": refusal((text) => `vault://app#/~${text}~`),
  "a refused reference in get": refusalOfClient((text) => `https://app:${text}@db/app`),
  "a refused parameter in get": refusalOfClient((text) => `vault://app?token=${text}`),
  "a field that is not there": (value) => failure(() => value.field("absent").text()),
  "text() that is not to be had": (value) => failure(() => value.field("a").field("b").text()),
  "json() of what is no JSON": (_value, { subject, text }) => failure(() => subject.wrap(text, "text").json()),
  "json() against a schema": async (_value, { subject, text }) => {
    const document = subject.wrap(JSON.stringify({ [text]: text }), "text");
    return failure(() => (document.json ? document.json(z.strictObject({})) : z.strictObject({}).parse(JSON.parse(document))));
  },
  "a driver's failure in get": driverFailure((client) => client.get("vault://prod/app")),
  "a driver's failure in getMany": driverFailure((client) => client.getMany(["vault://prod/app", "vault://prod/db"])),
  "a driver's failure in getMany, settled": driverFailure((client) => client.getMany(["vault://prod/app"], { settle: true })),
  "a driver's failure in put": driverFailure((client) => client.put("vault://prod/app", "new value")),
  "a driver's failure in list": driverFailure((client) => {
    const listed = client.list("vault://");
    return Symbol.asyncIterator in listed ? firstOf(listed) : listed;
  }),
  "a driver's failure in handle": driverFailure((client) => client.handle("vault://prod/app")),
  "a driver's failure in use": driverFailure((client) => client.use("vault://prod/app", () => 1)),
  "a driver's failure in watch": driverFailure((client) => firstOf(client.watch("vault://prod/app"))),
  "a driver's failure in close": driverFailure((client) => client.close()),
  "a driver's failure behind the caller's back": async (_value, { subject, text }) => {
    const seen: string[] = [];
    let reads = 0;
    const read = async () => {
      reads += 1;
      if (reads > 1) throw vendorError(text);
      return { content: { kind: "opaque", value: "x" }, version: "1" } as const;
    };
    const provider = { ...failing(() => raiseVendorError(text)), read };
    const client = subject.createSecrets(provider, (event) => seen.push(inspect(event, everything), JSON.stringify(event)));
    seen.push(await failure(() => client.handle("vault://prod/app")));
    for (let tries = 0; tries < 40; tries += 1) {
      await setTimeout(5);
      seen.push(await failure(() => client.get("vault://prod/app")));
    }
    await Promise.resolve(client.close()).catch(() => {});
    return seen;
  },
  "a driver that throws the value": driverFailure(
    (client) => client.get("vault://prod/app"),
    (text) => {
      throw text;
    },
  ),
  "a driver that throws an object": driverFailure(
    (client) => client.get("vault://prod/app"),
    (text) => {
      throw { message: text, name: "AbortError", toString: () => text };
    },
  ),
  "a value that a write refuses": async (_value, { subject, text }) => {
    const client = subject.createSecrets({
      ...holding({ kind: "opaque", value: "x" }),
      write: async (_locator, content) => {
        throw Object.assign(new Error(`invalid: ${JSON.stringify(content)}`), { content });
      },
    });
    const outcome = await failure(() => client.put("vault://prod/app", text));
    await client.close();
    return outcome;
  },
  "an error of a vendor, printed by the caller of use": async (_value, { subject, text }) => {
    const client = subject.createSecrets(holding({ kind: "opaque", value: text }));
    const outcome = await failure(() =>
      client.use("vault://prod/app", (held: unknown) => {
        throw new Error(`401 with ${held}`, { cause: held });
      }),
    );
    await client.close();
    return outcome;
  },
  "the client, inspected": holdingClient((client) => inspect(client, { ...everything, customInspect: false })),
  "the client as JSON": holdingClient((client) => `${JSON.stringify(client)} ${inspect({ ...client }, everything)}`),
  "a secret that was read": holdingClient((_client, value) => inspect(value, { ...everything, customInspect: false })),
  "a handle": holdingClient(async (client) => {
    const handle = await client.handle("vault://prod/app");
    return `${inspect(handle, { ...everything, customInspect: false })} ${JSON.stringify(handle)}`;
  }),
  "the cache's diagnostics": async (_value, { subject, text }) => {
    const seen: string[] = [];
    const listen = (message: unknown) => seen.push(inspect(message, { ...everything, customInspect: false }));
    const names = ["lru-cache:metrics", ...["start", "end", "asyncStart", "asyncEnd"].map((step) => `tracing:lru-cache:${step}`)];
    for (const name of names) channel(name).subscribe(listen);
    try {
      const client = subject.createSecrets(holding({ kind: "opaque", value: text }));
      const first = await client.get("vault://prod/app");
      await client.get("vault://prod/app");
      seen.push(inspect([...(client.cache?.values() ?? [first])]));
      await client.close();
      return seen;
    } finally {
      for (const name of names) channel(name).unsubscribe(listen);
    }
  },
  "a deadline that passes while the value is under way": async (_value, { subject, text }) => {
    const client = subject.createSecrets({
      ...holding({ kind: "opaque", value: text }),
      read: (_locator, { signal }) =>
        new Promise((_resolve, reject) => {
          if (signal.aborted) reject(vendorError(text));
          signal.addEventListener("abort", () => reject(vendorError(text)));
          // The control has no deadline of its own.
          void setTimeout(50).then(() => reject(vendorError(text)));
        }),
    });
    const outcome = await failure(() => client.get("vault://prod/app", { deadlineMs: 5 }));
    await client.close();
    return outcome;
  },
  "a record that is none": async (_value, { subject, text }) => {
    const client = subject.createSecrets({
      ...holding({ kind: "opaque", value: "x" }),
      read: async () => {
        const record: any = { value: text };
        return Object.defineProperty(record, "content", {
          get: () => {
            throw vendorError(text);
          },
        });
      },
    });
    const outcome = await failure(() => client.get("vault://prod/app")).catch(shown);
    await client.close();
    return outcome;
  },
};
