/**
 * The text of a file. Not by `node:fs/promises`, which loads twelve more of Node's modules, and not before a look at whether there is
 * one: most workloads have none of the files that are asked for, and a cold start would wait for the threads that read.
 */
export async function readTextFile(path: string): Promise<string> {
  const { readFile, statSync } = process.getBuiltinModule("node:fs");
  statSync(path);
  return new Promise((resolve, reject) => {
    readFile(path, "utf8", (error, text) => {
      if (error === null) resolve(text);
      else reject(error);
    });
  });
}
