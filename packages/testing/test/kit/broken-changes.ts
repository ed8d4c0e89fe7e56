import { type Content, type SecretRecord, SecretsError } from "@keyhold/core";
import { pause } from "./pause.ts";
import type { Broken } from "./sound.ts";

const conflict = () => new SecretsError("conflict", "refused", { hint: "Read it again." });

/** Providers that keep, change, remove or list versions and secrets wrongly. */
export const brokenChanges: readonly Broken[] = [
  {
    caughtBy: "each version gives the content that it was stored with",
    fault: "the version is ignored",
    spoil: ({ read }) => ({ read: async ({ version: _version, ...locator }, context) => read(locator, context) }),
  },
  {
    caughtBy: "a version that is not there is not-found, never the current one",
    fault: "a missing version falls back to the current one",
    spoil: ({ read }) => ({
      read: (locator, context) => read(locator, context).catch(() => read({ path: locator.path }, context)),
    }),
  },
  {
    caughtBy: "versions are listed newest first, with states and times",
    fault: "versions come oldest first",
    base: { pageSize: 100 },
    spoil: ({ versions }) => ({
      versions: async (...args) => ({ items: (await versions!(...args)).items.toReversed() }),
    }),
  },
  {
    caughtBy: "a list of versions shows no value",
    fault: "versions carry their values",
    spoil: ({ versions, read }) => ({
      versions: async (path, query, context) => {
        const { items, next } = await versions!(path, query, context);
        const shown = items.map(async (item) => ({ ...item, raw: await read({ path, version: item.version }, context) }));
        return { items: await Promise.all(shown), next };
      },
    }),
  },
  {
    caughtBy: "pages of versions lose none and repeat none",
    fault: "only the first page of versions is given",
    spoil: ({ versions }) => ({ versions: async (...args) => ({ items: (await versions!(...args)).items }) }),
  },
  {
    caughtBy: "pages of versions lose none and repeat none",
    fault: "the first page of versions comes for ever",
    spoil: ({ versions }) => ({ versions: async (path, _query, context) => versions!(path, {}, context) }),
  },
  {
    caughtBy: "the versions of what is not there are not-found",
    fault: "what is not there has no versions",
    spoil: ({ versions }) => ({ versions: (...args) => versions!(...args).catch(() => ({ items: [] })) }),
  },
  {
    caughtBy: "removing one version leaves the others",
    fault: "removing one version removes the secret",
    spoil: ({ remove }) => ({ remove: async ({ path }, ...rest) => remove!({ path }, ...rest) }),
  },

  {
    caughtBy: "a write creates the secret, the next one replaces it",
    fault: "what is there is never replaced",
    spoil: ({ write, probe }) => ({
      write: (locator, content, options, context) =>
        probe!(locator, context).catch(() => write!(locator, content, options, context)),
    }),
  },
  {
    caughtBy: "an empty value is kept as empty, or refused where the harness says so",
    fault: "an empty value counts as none",
    spoil: ({ read }) => ({
      read: async (locator, context) => {
        const record = await read(locator, context);
        if (record.content.kind === "opaque" && !record.content.value) throw new SecretsError("not-found", "there is nothing");
        return record;
      },
    }),
  },
  {
    caughtBy: "an empty value is kept as empty, or refused where the harness says so",
    fault: "an empty value is kept although the harness says that it is refused",
    harness: { emptyRefused: "the backend takes no empty value" },
  },
  {
    caughtBy: "an equal value written again is a new version, or none where the harness says so",
    fault: "an equal value is dropped, and nothing says so",
    spoil: ({ write }) => {
      const last = new Map<string, { content: string; version: string }>();
      return {
        write: async (locator, content, options, context) => {
          const held = last.get(locator.path);
          if (held?.content === JSON.stringify(content)) return held;
          const { version } = await write!(locator, content, options, context);
          last.set(locator.path, { content: JSON.stringify(content), version });
          return { version };
        },
      };
    },
  },
  {
    caughtBy: "a write with the current version is done",
    fault: "every write with a version is a conflict",
    spoil: ({ write }) => ({
      write: async (locator, content, options, context) => {
        if (typeof options.ifVersion === "string") throw conflict();
        return write!(locator, content, options, context);
      },
    }),
  },
  {
    caughtBy: "a write with an older version is a conflict and changes nothing",
    fault: "ifVersion is ignored",
    spoil: ({ write }) => ({
      write: async (locator, content, { ifVersion: _ifVersion, ...rest }, context) => write!(locator, content, rest, context),
    }),
  },
  {
    caughtBy: "a write with an older version is a conflict and changes nothing",
    fault: "a write is compared after it was done",
    spoil: ({ write, probe }) => ({
      write: async (locator, content, { ifVersion, ...rest }, context) => {
        const before = await probe!(locator, context).catch(() => undefined);
        const after = await write!(locator, content, rest, context);
        if (ifVersion !== undefined && ifVersion !== (before?.version ?? null)) throw conflict();
        return after;
      },
    }),
  },
  {
    caughtBy: "a write with a version where nothing is, is a conflict and creates nothing",
    fault: "where nothing is, ifVersion is ignored",
    spoil: ({ write, probe }) => ({
      write: async (locator, content, options, context) => {
        const there = await probe!(locator, context).catch(() => undefined);
        return write!(locator, content, there ? options : {}, context);
      },
    }),
  },
  {
    caughtBy: "a write that wants nothing there is a conflict where something is",
    fault: "ifVersion: null is taken for no wish",
    spoil: ({ write }) => ({
      write: async (locator, content, options, context) =>
        write!(locator, content, { ...options, ifVersion: options.ifVersion ?? undefined }, context),
    }),
  },
  {
    caughtBy: "of eight writes at once on the same version exactly one is done",
    fault: "the version is compared, and the value written a moment later",
    spoil: ({ write, probe }) => ({
      write: async (locator, content, { ifVersion, ...rest }, context) => {
        const current = await probe!(locator, context).catch(() => undefined);
        if (ifVersion !== undefined && ifVersion !== (current?.version ?? null)) throw conflict();
        await pause(1);
        return write!(locator, content, rest, context);
      },
    }),
  },
  {
    caughtBy: "the same idempotency key and content write once",
    fault: "the idempotency key is ignored",
    spoil: ({ write }) => ({
      write: async (locator, content, { idempotencyKey: _key, ...rest }, context) => write!(locator, content, rest, context),
    }),
  },
  {
    caughtBy: "labels that are written are read",
    fault: "labels are dropped",
    spoil: ({ write }) => ({
      write: async (locator, content, { labels: _labels, ...rest }, context) => write!(locator, content, rest, context),
    }),
  },
  {
    caughtBy: "what was written belongs to the backend: changing the bytes afterwards changes nothing",
    fault: "the caller's own bytes are stored",
    spoil: ({ read, write }) => {
      const held = new Map<string, Content>();
      return {
        write: async (locator, content, options, context) => {
          held.set(locator.path, content);
          return write!(locator, content, options, context);
        },
        read: async (locator, context): Promise<SecretRecord> => {
          const record = await read(locator, context);
          return { ...record, content: held.get(locator.path) ?? record.content };
        },
      };
    },
  },

  {
    caughtBy: "what was removed is not-found, and nothing else is gone",
    fault: "nothing is removed",
    spoil: () => ({ remove: async () => {} }),
  },
  {
    caughtBy: "what was removed is not-found, and nothing else is gone",
    fault: "everything is removed",
    spoil: ({ remove, list }) => ({
      remove: async (_locator, options, context) => {
        const { items } = await list!({ prefix: "" }, context);
        for (const { path } of items) await remove!({ path }, options, context);
      },
    }),
  },
  {
    caughtBy: "removing what is not there is not-found",
    fault: "removing what is not there succeeds",
    spoil: ({ remove }) => ({ remove: (...args) => remove!(...args).catch(() => {}) }),
  },
  {
    caughtBy: "what was removed can be written again",
    fault: "a removed name stays taken",
    spoil: ({ remove, write }) => {
      const gone = new Set<string>();
      return {
        remove: async (locator, options, context) => {
          gone.add(locator.path);
          return remove!(locator, options, context);
        },
        write: async (locator, ...rest) => {
          if (gone.has(locator.path)) throw conflict();
          return write!(locator, ...rest);
        },
      };
    },
  },
  {
    caughtBy: "a removal with an older version is a conflict and removes nothing",
    fault: "a removal ignores ifVersion",
    spoil: ({ remove }) => ({ remove: async (locator, _options, context) => remove!(locator, {}, context) }),
  },

  {
    caughtBy: "a list under a prefix has every path that starts with it, and no other",
    fault: "the prefix is ignored",
    spoil: ({ list }) => ({ list: async (query, context) => list!({ ...query, prefix: "" }, context) }),
  },
  {
    caughtBy: "a list under a prefix has every path that starts with it, and no other",
    fault: "the prefix has to be a whole path",
    spoil: ({ list }) => ({
      list: async (query, context) => {
        const { items, next } = await list!(query, context);
        return { items: items.filter(({ path }) => path === query.prefix), next };
      },
    }),
  },
  {
    caughtBy: "a list under an empty prefix has all",
    fault: "an empty prefix lists nothing",
    spoil: ({ list }) => ({ list: async (query, context) => (query.prefix === "" ? { items: [] } : list!(query, context)) }),
  },
  {
    caughtBy: "a prefix that nothing starts with gives an empty page",
    fault: "an empty list is not-found",
    spoil: ({ list }) => ({
      list: async (query, context) => {
        const page = await list!(query, context);
        if (page.items.length === 0) throw new SecretsError("not-found", "nothing starts like this");
        return page;
      },
    }),
  },
  {
    caughtBy: "a listed path can be read, and its version and times are right where they are given",
    fault: "listed paths start with a slash",
    spoil: ({ list }) => ({
      list: async (query, context) => {
        const { items, next } = await list!(query, context);
        return { items: items.map((item) => ({ ...item, path: `/${item.path}` })), next };
      },
    }),
  },
  {
    caughtBy: "a listed path can be read, and its version and times are right where they are given",
    fault: "listed times are texts",
    spoil: ({ list }) => ({
      list: async (query, context) => {
        const { items, next } = await list!(query, context);
        return { items: items.map((item) => ({ ...item, updatedAt: new Date().toISOString() as never })), next };
      },
    }),
  },
  {
    caughtBy: "a list shows no value",
    fault: "labels in a list hold the value",
    spoil: ({ list, read }) => ({
      list: async (query, context) => {
        const { items, next } = await list!(query, context);
        const shown = items.map(async (item) => {
          const { content } = await read(item, context);
          return { ...item, labels: { preview: content.kind === "opaque" ? String(content.value) : "" } };
        });
        return { items: await Promise.all(shown), next };
      },
    }),
  },
  {
    caughtBy: "pages of a list lose none and repeat none",
    fault: "the next page starts one too late",
    spoil: ({ list }) => ({
      list: async (query, context) => {
        const { items, next } = await list!(query, context);
        return { items, next: next === undefined ? next : String(Number(next) + 1) };
      },
    }),
  },
  {
    caughtBy: "what was removed is listed no more",
    fault: "a list remembers what is gone",
    spoil: ({ write, list }) => {
      const names = new Set<string>();
      return {
        write: async (locator, ...rest) => {
          names.add(locator.path);
          return write!(locator, ...rest);
        },
        list: async (query, context) => {
          const { items } = await list!(query, context);
          for (const { path } of items) names.add(path);
          return { items: [...names].filter((path) => path.startsWith(query.prefix)).map((path) => ({ path })) };
        },
      };
    },
  },
];
