import { SecretsError } from "@keyhold/core";

/** What a run of `rotateAll` has done, a reference a line. */
export interface RotationJournal {
  readonly done: ReadonlySet<string>;
  add(reference: string): Promise<void>;
  remove(): Promise<void>;
}

const title = "keyhold rotation journal 1";

const unavailable = (error: unknown) =>
  new SecretsError(
    "unavailable",
    `the journal of the rotation cannot be used (${(error as { code?: string }).code ?? "no code"})`,
    {
      hint: "Name a file in a folder that exists and can be written.",
    },
  );

/** @throws SecretsError `invalid-argument` for a file that is no journal, `unavailable`. */
export async function openJournal(file: string): Promise<RotationJournal> {
  const { open, readFile, rm } = await import("node:fs/promises");
  const text = await readFile(file, "utf8").catch((error) => {
    if (error.code === "ENOENT") return "";
    throw unavailable(error);
  });
  const [first, ...lines] = text.split("\n");
  // Without its end, even the first line may be one that was being written.
  const isBegun = lines.length > 0;
  if (isBegun ? first !== title : !title.startsWith(text))
    throw new SecretsError("invalid-argument", "this file is no journal of a rotation", {
      hint: "Name a file that does not exist yet.",
    });
  // A line without its end was being written when the process died.
  const done = new Set(lines.slice(0, -1));
  const append = async (line: string, flags = "a") => {
    try {
      const handle = await open(file, flags, 0o600);
      try {
        await handle.appendFile(line);
        await handle.datasync();
      } finally {
        await handle.close();
      }
    } catch (error) {
      throw unavailable(error);
    }
  };
  if (!isBegun) await append(`${title}\n`, "w");
  // What was cut off must not read as a shorter reference from now on: none has a space.
  else if (!text.endsWith("\n")) await append(" was cut off\n");
  return {
    done,
    add: (reference) => append(`${reference}\n`),
    remove: () => rm(file, { force: true }),
  };
}
