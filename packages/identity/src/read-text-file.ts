/** The text of a file. Not by `node:fs/promises`, which loads twelve more of Node's modules: a cold start would wait for them. */
export function readTextFile(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    process.getBuiltinModule("node:fs").readFile(path, "utf8", (error, text) => {
      if (error === null) resolve(text);
      else reject(error);
    });
  });
}
