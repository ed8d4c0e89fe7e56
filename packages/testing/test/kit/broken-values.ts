import path from "node:path";
import { type Content, type SecretRecord, SecretsError } from "@keyhold/core";
import { type Broken, failWith, garble, garbleBytes, mangle } from "./sound.ts";

/** Providers that read, name or compare values wrongly. */
export const brokenValues: readonly Broken[] = [
  {
    caughtBy: "what is stored is what is read, with a version",
    fault: "records have an empty version",
    spoil: ({ read }) => ({ read: async (locator, context) => ({ ...(await read(locator, context)), version: "" }) }),
  },
  {
    caughtBy: "what is stored is what is read, with a version",
    fault: "read gives the first letter in upper case",
    spoil: garble((text) => text.charAt(0).toUpperCase() + text.slice(1)),
  },
  {
    caughtBy: "what is not there is not-found, never null or empty",
    fault: "read gives null for what is not there",
    spoil: ({ read }) => ({ read: (locator, context) => read(locator, context).catch(() => null as never) }),
  },
  {
    caughtBy: "what is not there is not-found, never null or empty",
    fault: "read gives an empty value for what is not there",
    spoil: ({ read }) => ({
      read: (locator, context) =>
        read(locator, context).catch((): SecretRecord => ({ content: { kind: "opaque", value: "" }, version: "0" })),
    }),
  },
  {
    caughtBy: "what is not there is not-found, never null or empty",
    fault: "read fails with an error of its own",
    spoil: failWith(() => new TypeError("no such secret")),
  },
  {
    caughtBy: "every script, quotes, line breaks and a last newline arrive as they are",
    fault: "values are trimmed",
    spoil: garble((text) => text.trim()),
  },
  {
    caughtBy: "every script, quotes, line breaks and a last newline arrive as they are",
    fault: "a byte order mark is dropped",
    spoil: garble((text) => new TextDecoder().decode(Buffer.from(text))),
  },
  {
    caughtBy: "every script, quotes, line breaks and a last newline arrive as they are",
    fault: "line ends are converted",
    spoil: garble((text) => text.replaceAll("\r\n", "\n")),
  },
  {
    caughtBy: "JSON text is given back letter for letter",
    fault: "JSON is parsed and written again",
    spoil: garble((text) => (text.startsWith("{") ? JSON.stringify(JSON.parse(text)) : text)),
  },
  {
    caughtBy: "fields with any name keep their values",
    fault: "fields are copied by assignment, which sets a prototype",
    base: { fields: true },
    spoil: ({ read }) => ({
      read: async (locator, context) => {
        const record = await read(locator, context);
        if (record.content.kind !== "fields") return record;
        const fields: Record<string, never> = {};
        for (const [name, value] of Object.entries(record.content.fields)) fields[name] = value as never;
        return { ...record, content: { kind: "fields", fields } };
      },
    }),
  },
  {
    caughtBy: "fields keep their JSON types",
    fault: "every field becomes text",
    base: { fields: true },
    spoil: ({ read }) => ({
      read: async (locator, context) => {
        const record = await read(locator, context);
        if (record.content.kind !== "fields") return record;
        const fields = Object.fromEntries(Object.entries(record.content.fields).map(([name, value]) => [name, String(value)]));
        return { ...record, content: { kind: "fields", fields } };
      },
    }),
  },
  {
    caughtBy: "the version stays while nothing changes",
    fault: "each read makes up a version",
    spoil: ({ read }) => ({
      read: async (locator, context) => ({ ...(await read(locator, context)), version: String(Math.random()) }),
    }),
  },
  {
    caughtBy: "different content has a different version",
    fault: "all versions are called latest",
    spoil: ({ read }) => ({ read: async (locator, context) => ({ ...(await read(locator, context)), version: "latest" }) }),
  },
  {
    caughtBy: "times are in milliseconds since 1970",
    fault: "createdAt is in seconds",
    spoil: ({ read }) => ({
      read: async (locator, context) => ({ ...(await read(locator, context)), createdAt: Math.floor(Date.now() / 1000) }),
    }),
  },
  {
    caughtBy: "times are in milliseconds since 1970",
    fault: "expiresAt is in seconds",
    spoil: ({ read }) => ({
      read: async (locator, context) => ({ ...(await read(locator, context)), expiresAt: Math.floor(Date.now() / 1000) + 60 }),
    }),
  },
  {
    caughtBy: "what is read belongs to the caller: changing it changes nothing stored",
    fault: "a cache hands out the same object twice",
    base: { fields: true },
    spoil: ({ read }) => {
      const cache = new Map<string, Promise<SecretRecord>>();
      return {
        read: async (locator, context) => {
          const held = cache.get(locator.path) ?? read(locator, context);
          cache.set(locator.path, held);
          return held;
        },
      };
    },
  },
  {
    caughtBy: "many are read in order, each failure in its own place",
    fault: "a batch comes back sorted",
    spoil: ({ readMany }) => ({
      readMany: async (locators, context) =>
        readMany!(
          locators.toSorted((a, b) => (a.path < b.path ? -1 : 1)),
          context,
        ),
    }),
  },
  {
    caughtBy: "many are read in order, each failure in its own place",
    fault: "one missing secret fails the whole batch",
    spoil: ({ read }) => ({ readMany: (locators, context) => Promise.all(locators.map((locator) => read(locator, context))) }),
  },
  {
    caughtBy: "many are read in order, each failure in its own place",
    fault: "a missing secret is left out of the batch",
    spoil: ({ readMany }) => ({
      readMany: async (locators, context) => (await readMany!(locators, context)).filter((one) => !(one instanceof Error)),
    }),
  },
  {
    caughtBy: "none are read as none",
    fault: "an empty batch is refused",
    spoil: ({ readMany }) => ({
      readMany: async (locators, context) => {
        if (locators.length === 0) throw new SecretsError("invalid-argument", "an empty batch", { hint: "Give a locator." });
        return readMany!(locators, context);
      },
    }),
  },
  {
    caughtBy: "thirty are read at once, whatever a batch holds",
    fault: "only the first twenty of a batch are read",
    spoil: ({ readMany }) => ({ readMany: async (locators, context) => readMany!(locators.slice(0, 20), context) }),
  },
  {
    caughtBy: "a probe gives the version that read gives, before and after a change",
    fault: "probe remembers the first version",
    spoil: ({ probe }) => {
      let first: Promise<{ version: string }> | undefined;
      return {
        probe: async (locator, context) => {
          first ??= probe!(locator, context);
          return first;
        },
      };
    },
  },
  {
    caughtBy: "a probe of what is not there is not-found",
    fault: "probe gives an empty version for what is not there",
    spoil: ({ probe }) => ({ probe: (locator, context) => probe!(locator, context).catch(() => ({ version: "" })) }),
  },
  {
    caughtBy: "a stage gives the version that it stands on, a missing one is not-found",
    fault: "the stage is ignored",
    spoil: ({ read }) => ({ read: async ({ stage: _stage, ...locator }, context) => read(locator, context) }),
  },
  {
    caughtBy: "a check answers, and neither it nor the printed provider shows a credential",
    fault: "the provider holds its credential in a property",
    spoil: () => ({ options: { token: "credential-0123456789" } }) as object,
  },
  {
    caughtBy: "a check answers, and neither it nor the printed provider shows a credential",
    fault: "the check shows the token",
    spoil: () => ({ check: async () => ({ principal: "credential-0123456789" }) }),
  },
  {
    caughtBy: "what write calls the version is what read calls it",
    fault: "write gives a version of its own",
    spoil: ({ write }) => ({
      write: async (...args) => ({ version: `written-${(await write!(...args)).version}` }),
    }),
  },

  { caughtBy: "a space in a name is a space", fault: "spaces become plus signs", spoil: mangle((at) => at.replaceAll(" ", "+")) },
  {
    caughtBy: "a plus sign in a name is no space",
    fault: "plus signs become spaces",
    spoil: mangle((at) => at.replaceAll("+", " ")),
  },
  { caughtBy: "a percent sign in a name is no escape", fault: "names are decoded once more", spoil: mangle(decodeURIComponent) },
  {
    caughtBy: "a question mark in a name starts no query",
    fault: "names end at a question mark",
    spoil: mangle((at) => at.replace(/\?.*/, "")),
  },
  { caughtBy: "a hash in a name starts no fragment", fault: "names end at a hash", spoil: mangle((at) => at.replace(/#.*/, "")) },
  {
    caughtBy: "an ampersand and an equals sign in a name are no parameters",
    fault: "names end at an ampersand",
    spoil: mangle((at) => at.replace(/&.*/, "")),
  },
  { caughtBy: "a slash in a name is part of it", fault: "names end at a slash", spoil: mangle((at) => at.replace(/\/.*/, "")) },
  {
    caughtBy: "a backslash in a name is no slash",
    fault: "backslashes become slashes",
    spoil: mangle((at) => at.replaceAll("\\", "/")),
  },
  {
    caughtBy: "a comma in a name is part of it",
    fault: "a name is taken although the harness says that it is refused",
    harness: { refusedNames: { reason: "commas separate", pattern: /,/ } },
  },
  { caughtBy: "a comma in a name is part of it", fault: "names end at a comma", spoil: mangle((at) => at.replace(/,.*/, "")) },
  {
    caughtBy: "letters of every script stand in a name, and composed ones are not decomposed",
    fault: "names are normalised",
    spoil: mangle((at) => at.normalize("NFD")),
  },
  { caughtBy: "upper and lower case are different names", fault: "names are folded", spoil: mangle((at) => at.toLowerCase()) },
  {
    caughtBy: "names that every object has, such as constructor, are not there until they are stored",
    fault: "secrets are looked up in a plain object",
    spoil: ({ read }) => ({
      read: async (locator, context) => {
        const found: unknown = ({} as Record<string, unknown>)[locator.path];
        return found ? { content: { kind: "opaque", value: String(found) }, version: "1" } : read(locator, context);
      },
    }),
  },
  {
    caughtBy: "__proto__ is a name like any other",
    fault: "secrets are stored in a plain object",
    spoil: ({ write }) => ({
      write: async (locator, ...rest) => (locator.path === "__proto__" ? { version: "1" } : write!(locator, ...rest)),
    }),
  },
  {
    caughtBy: "dot segments lead to no other secret",
    fault: "paths are resolved as in a folder",
    spoil: mangle((at) => path.posix.normalize(at)),
  },

  {
    caughtBy: "every byte arrives as it is",
    fault: "bytes pass through a text",
    spoil: garbleBytes((bytes) => Buffer.from(Buffer.from(bytes).toString())),
  },
  {
    caughtBy: "bytes that are no UTF-8 arrive as they are",
    fault: "bytes are decoded as UTF-8",
    spoil: garbleBytes((bytes) => new TextDecoder().decode(bytes)),
  },
  {
    caughtBy: "bytes that are UTF-8 arrive as they are",
    fault: "bytes come back as base64",
    spoil: garbleBytes((bytes) => Buffer.from(bytes).toString("base64")),
  },
  {
    caughtBy: "bytes are refused by a backend of text, and nothing is written",
    fault: "a backend of text stores what is left of bytes",
    base: { textOnly: true },
    spoil: ({ write }) => ({
      write: async (locator, content, ...rest) => {
        const text: Content =
          content.kind === "opaque" ? { kind: "opaque", value: Buffer.from(content.value as string).toString() } : content;
        return write!(locator, text, ...rest);
      },
    }),
  },
];
