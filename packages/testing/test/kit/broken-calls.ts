import { connect, createServer, type Server } from "node:net";
import { type CallContext, type Change, type Content, type Provider, SecretsError } from "@keyhold/core";
import { memory } from "@keyhold/testing";
import { pause } from "./pause.ts";
import { type Broken, failWith, gives, soundHarness } from "./sound.ts";

const unknown = () => new SecretsError("unknown", "something went wrong");

/** The context of a call that hears no abort. */
const deaf = (context: CallContext): CallContext => ({ ...context, signal: new AbortController().signal });

/** A provider whose reads never end, whatever the signal says. */
const hangsForEver = (): Provider => ({ ...memory(), read: () => new Promise(() => {}) });

let sharedClosed = false;

/** Providers that fail, end, watch or close wrongly. */
export const brokenCalls: readonly Broken[] = [
  { caughtBy: "the error not-found is given", fault: "not-found is given as unknown", spoil: failWith(unknown) },
  {
    caughtBy: "the error not-found is given",
    fault: "the vendor's error is the cause",
    spoil: failWith((error) => Object.assign(error, { cause: new Error("GET /v1/secret/data/app") })),
  },
  {
    caughtBy: "the error not-found is given",
    fault: "the vendor's response hangs on the error",
    spoil: failWith((error) => Object.assign(error, { response: { status: 404 } })),
  },
  {
    caughtBy: "the error not-found is given",
    fault: "a credential stands in the message",
    spoil: failWith(() => new SecretsError("not-found", "GET failed with authorization: Bearer credential-0123456789")),
  },
  {
    caughtBy: "the error not-found is given",
    fault: "a credential stands in the hint, in base64",
    spoil: failWith(() => new SecretsError("not-found", "no", { hint: `Basic ${btoa("credential-0123456789")}` })),
  },
  {
    caughtBy: "the error not-found is given",
    fault: "retryAfterMs is not a number",
    spoil: failWith(() => Object.assign(new SecretsError("not-found", "no"), { retryAfterMs: Number("soon") })),
  },
  {
    caughtBy: "the error invalid-argument is given",
    fault: "the wrong kind of content is stored as text",
    spoil: ({ write }) => ({
      write: async (locator, content, ...rest) => {
        const text: Content = content.kind === "fields" ? { kind: "opaque", value: JSON.stringify(content.fields) } : content;
        return write!(locator, text, ...rest);
      },
    }),
  },
  {
    caughtBy: "the error invalid-argument is given",
    fault: "the refusal shows the value",
    spoil: ({ write }) => ({
      write: async (locator, content, ...rest) => {
        if (content.kind === "opaque") return write!(locator, content, ...rest);
        throw new SecretsError("invalid-argument", `not a text: ${JSON.stringify(content.fields)}`, { hint: "Give text." });
      },
    }),
  },
  {
    caughtBy: "the error invalid-argument is given",
    fault: "the refusal does not say what to do",
    spoil: ({ write }) => ({
      write: async (locator, content, ...rest) => {
        if (content.kind === "opaque") return write!(locator, content, ...rest);
        throw new SecretsError("invalid-argument", "bad request");
      },
    }),
  },
  {
    caughtBy: "the error conflict is given",
    fault: "a conflict is given as unknown",
    spoil: ({ write }) => ({
      write: (...args) =>
        write!(...args).catch(() => {
          throw unknown();
        }),
    }),
  },
  {
    caughtBy: "the error aborted is given",
    fault: "the signal is not looked at",
    spoil: ({ read }) => ({ read: async (locator, context) => read(locator, deaf(context)) }),
  },
  {
    caughtBy: "the error closed is given",
    fault: "a closed provider goes on",
    spoil: () => ({ close: async () => {} }),
  },
  {
    caughtBy: "the error permission-denied is given",
    fault: "nothing drives it, and nothing says why",
    harness: { breakIt: {} },
  },
  {
    caughtBy: "the error unauthenticated is given",
    fault: "it is given as permission-denied",
    harness: gives("unauthenticated", "permission-denied"),
  },
  {
    caughtBy: "the error rate-limited is given",
    fault: "it is given as unavailable",
    harness: gives("rate-limited", "unavailable"),
  },
  { caughtBy: "the error unavailable is given", fault: "the call succeeds", harness: gives("unavailable", "not-found") },
  { caughtBy: "the error timeout is given", fault: "it is given as unavailable", harness: gives("timeout", "unavailable") },
  {
    caughtBy: "the error unsupported is given",
    fault: "it is given as invalid-argument",
    harness: gives("unsupported", "invalid-argument"),
  },
  { caughtBy: "the error decode is given", fault: "it is given as unknown", harness: gives("decode", "unknown") },
  {
    caughtBy: "the error unknown is given",
    fault: "it is driven, and excused all the same",
    harness: { notApplicable: [{ reason: "it never happens", codes: ["unknown"] }] },
  },

  {
    caughtBy: "a value of the largest size arrives whole",
    fault: "values end after 64 KiB",
    spoil: ({ read }) => ({
      read: async (locator, context) => {
        const record = await read(locator, context);
        if (record.content.kind === "fields") return record;
        return { ...record, content: { kind: "opaque", value: record.content.value.slice(0, 65_536) } };
      },
    }),
  },
  {
    caughtBy: "a value of one byte more than the largest is invalid-argument, and the old one stays",
    fault: "a value that is too large is cut",
    spoil: ({ write }) => ({
      write: async (locator, content, ...rest) => {
        const cut: Content = content.kind === "opaque" ? { kind: "opaque", value: content.value.slice(0, 1024 * 1024) } : content;
        return write!(locator, cut, ...rest);
      },
    }),
  },
  {
    caughtBy: "a path of 3,000 characters is not-found or invalid-argument",
    fault: "a long path is unknown",
    spoil: ({ read }) => ({
      read: async (locator, context) => {
        if (locator.path.length > 255) throw unknown();
        return read(locator, context);
      },
    }),
  },
  {
    caughtBy: "fifty reads at once all succeed",
    fault: "reads beyond twenty at once are refused",
    spoil: ({ read }) => {
      let running = 0;
      return {
        read: async (locator, context) => {
          if (running >= 20) throw new SecretsError("unavailable", "the pool is full");
          running++;
          await pause(1);
          running--;
          return read(locator, context);
        },
      };
    },
  },

  {
    caughtBy: "a call whose signal is aborted already fails as aborted and does nothing",
    fault: "a write goes on after an abort",
    spoil: ({ write }) => ({
      write: async (locator, content, options, context) => write!(locator, content, options, deaf(context)),
    }),
  },
  {
    caughtBy: "a call whose signal is aborted already fails as aborted and does nothing",
    fault: "a list fails with the platform's AbortError",
    spoil: ({ list }) => ({
      list: async (query, context) => {
        if (context.signal.aborted) throw new DOMException("This operation was aborted", "AbortError");
        return list!(query, context);
      },
    }),
  },
  {
    caughtBy: "a call whose deadline has passed already fails as timeout and does nothing",
    fault: "every abort is given as aborted",
    spoil: ({ read }) => ({
      read: async (locator, context) => {
        if (context.signal.aborted) throw new SecretsError("aborted", "aborted");
        return read(locator, context);
      },
    }),
  },
  {
    caughtBy: "an abort ends a call that hangs, at once and as aborted",
    fault: "a hanging call hears no abort",
    harness: { breakIt: { ...soundHarness().breakIt, timeout: () => ({ provider: hangsForEver() }) } },
  },
  {
    caughtBy: "an abort ends a call that hangs, at once and as aborted",
    fault: "an abort leaves a rejected promise behind",
    harness: {
      breakIt: {
        ...soundHarness().breakIt,
        timeout: () => ({
          provider: {
            ...memory(),
            read: (_locator, { signal }) =>
              new Promise((_resolve, reject) => {
                signal.addEventListener("abort", () => {
                  void Promise.reject(signal.reason);
                  reject(signal.reason);
                });
              }),
          },
        }),
      },
    },
  },
  {
    caughtBy: "the deadline ends a call that hangs, at once and as timeout",
    fault: "a hanging call hears no deadline",
    harness: { breakIt: { ...soundHarness().breakIt, timeout: () => ({ provider: hangsForEver() }) } },
  },
  {
    caughtBy: "an aborted call takes no other call with it",
    fault: "calls that share a request share the first one's abort",
    spoil: ({ read }) => {
      const flights = new Map<string, ReturnType<typeof read>>();
      return {
        read: async (locator, context) => {
          const flight = flights.get(locator.path) ?? pause(5).then(() => read(locator, context));
          flights.set(locator.path, flight);
          return flight;
        },
      };
    },
  },
  {
    caughtBy: "calls that are over leave no listener on their signal",
    fault: "each call leaves a listener",
    spoil: ({ read }) => ({
      read: async (locator, context) => {
        context.signal.addEventListener("abort", () => {});
        return read(locator, context);
      },
    }),
  },
  {
    caughtBy: "a write that was aborted is done whole or not at all",
    fault: "an aborted write leaves half a value",
    spoil: ({ write }) => ({
      write: async (locator, content, options, context) => {
        const half: Content = content.kind === "opaque" ? { kind: "opaque", value: content.value.slice(0, 9) } : content;
        await write!(locator, half, {}, context);
        await pause(1);
        return write!(locator, content, options, context);
      },
    }),
  },

  {
    caughtBy: "a watch tells the current version first",
    fault: "a watch starts with the next change",
    spoil: ({ watch }) => ({
      async *watch(locator, context) {
        let first = true;
        for await (const change of watch!(locator, context)) {
          if (!first) yield change;
          first = false;
        }
      },
    }),
  },
  {
    caughtBy: "a watch tells each new version soon",
    fault: "a watch tells the current version only",
    spoil: ({ watch }) => ({
      async *watch(locator, context) {
        let first = true;
        for await (const change of watch!(locator, context)) {
          if (first) yield change;
          first = false;
        }
      },
    }),
  },
  {
    caughtBy: "a watch tells nothing while nothing changes",
    fault: "a watch tells the same version again and again",
    spoil: ({ probe }) => ({
      async *watch(locator, context): AsyncIterable<Change> {
        while (!context.signal.aborted) {
          yield await probe!(locator, context);
          await pause(20);
        }
      },
    }),
  },
  {
    caughtBy: "a watch tells that the secret is gone, and that it is back",
    fault: "a watch passes over a removal",
    spoil: ({ watch }) => ({
      async *watch(locator, context) {
        for await (const change of watch!(locator, context)) if (change.version !== undefined) yield change;
      },
    }),
  },
  {
    caughtBy: "an abort ends a watch that waits",
    fault: "a watch hears no abort",
    spoil: ({ watch }) => ({ watch: (locator, context) => watch!(locator, deaf(context)) }),
  },
  {
    caughtBy: "the deadline does not end a watch",
    fault: "a watch ends at its deadline",
    spoil: ({ watch }) => ({
      async *watch(locator, context) {
        for await (const change of watch!(locator, context)) {
          yield change;
          if (context.deadlineAt < context.clock.monotonic()) throw new SecretsError("timeout", "too late");
        }
      },
    }),
  },
  {
    caughtBy: "two watches of one secret both tell a change",
    fault: "a watch takes the place of the one before",
    spoil: ({ watch }) => {
      let newest = 0;
      return {
        async *watch(locator, context) {
          const own = ++newest;
          let first = true;
          for await (const change of watch!(locator, context)) {
            if (first || own === newest) yield change;
            first = false;
          }
        },
      };
    },
  },

  {
    caughtBy: "a leased value comes with an id and a duration in milliseconds",
    fault: "a lease lasts for seconds",
    spoil: ({ read }) => ({
      read: async (locator, context) => {
        const record = await read(locator, context);
        return { ...record, lease: { id: "lease", durationMs: 60, renewable: true } };
      },
    }),
  },
  {
    caughtBy: "a renewed lease is the same lease",
    fault: "renewing gives another lease",
    spoil: ({ renew }) => ({ renew: async (lease, context) => ({ ...(await renew!(lease, context)), id: "another" }) }),
  },
  {
    caughtBy: "a revoked lease is not-found when it is renewed",
    fault: "revoking does nothing",
    spoil: () => ({ revoke: async () => {} }),
  },

  {
    caughtBy: "close can be called before any call, twice, and at once",
    fault: "a second close fails",
    spoil: ({ close }) => {
      let closed = false;
      return {
        close: async () => {
          if (closed) throw new SecretsError("closed", "closed already");
          closed = true;
          await close!();
        },
      };
    },
  },
  {
    caughtBy: "closing one instance leaves another working",
    fault: "all instances share what is closed",
    spoil: ({ read }) => ({
      read: async (locator, context) => {
        if (sharedClosed) throw new SecretsError("closed", "closed");
        return read(locator, context);
      },
      close: async () => {
        sharedClosed = true;
      },
    }),
  },
  {
    caughtBy: "close leaves no socket, file watch or process behind",
    fault: "an idle connection stays open",
    spoil: ({ read }) => ({
      read: async (locator, context) => {
        const server = createServer();
        await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
        leftOpen.push(server.unref());
        await new Promise<void>((resolve) => connect(portOf(server), "127.0.0.1", resolve).unref());
        return read(locator, context);
      },
    }),
  },
  {
    caughtBy: "close ends a watch that waits",
    fault: "a watch goes on after close",
    spoil: ({ read, write }) => {
      const own = memory();
      return {
        read,
        write,
        watch: own.watch?.bind(own),
      };
    },
  },
];

const portOf = (server: Server) => (server.address() as { port: number }).port;

/** What the broken provider left open, for the test to close. */
export const leftOpen: Server[] = [];
