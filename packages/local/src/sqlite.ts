import { fail } from "./errors.ts";

type Sqlite = typeof import("node:sqlite");

let sqlite: Sqlite | undefined;

/**
 * Loads `node:sqlite`. Node 22 says that it is experimental, once and while it loads; that warning alone is kept quiet,
 * because a user of a secrets store can do nothing about it.
 */
export function loadSqlite(): Sqlite {
  if (sqlite) return sqlite;
  const emitWarning = process.emitWarning;
  process.emitWarning = ((warning: string | Error, ...rest: unknown[]) => {
    if (!String(warning).startsWith("SQLite is an experimental feature")) Reflect.apply(emitWarning, process, [warning, ...rest]);
  }) as typeof process.emitWarning;
  try {
    sqlite = process.getBuiltinModule("node:sqlite");
  } finally {
    process.emitWarning = emitWarning;
  }
  if (sqlite) return sqlite;
  throw fail(
    "unsupported",
    "this build of Node has no SQLite, which the lock of the store needs",
    "Use Node from nodejs.org. Reading works with this one.",
  );
}
