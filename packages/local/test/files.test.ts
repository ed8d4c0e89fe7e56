import { execFileSync } from "node:child_process";
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { files } from "@keyhold/local";
import { callContext } from "@keyhold/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { temporaryFolder } from "./temporary-store.ts";

let folder: string;
let directory: string;
beforeEach(() => {
  folder = temporaryFolder();
  directory = path.join(folder, "secrets");
  mkdirSync(directory);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const write = (name: string, value: string | Uint8Array) => writeFileSync(path.join(directory, name), value);
const read = async (name: string) => {
  const { content } = await files({ directory }).read({ path: name }, callContext());
  return content.kind === "opaque" ? Buffer.from(content.value as Uint8Array) : undefined;
};

describe("files", () => {
  it("are read byte for byte, the final newline included", async () => {
    const bytes = new Uint8Array([0xef, 0xbb, 0xbf, 0, 255, 10]);
    write("password", "hunter2\n");
    write("key", bytes);
    expect(String(await read("password"))).toBe("hunter2\n");
    expect(await read("key")).toEqual(Buffer.from(bytes));
  });

  it.each(["../outside", "sub/../../outside", "/etc/hostname", "./a", "a//b", "a\0b", "a/", ".."])(
    "refuse the name %j",
    async (name) => {
      writeFileSync(path.join(folder, "outside"), "no");
      await expect(read(name)).rejects.toMatchObject({
        code: "invalid-argument",
        message: expect.not.stringContaining("outside"),
      });
    },
  );

  it("refuse a link that leads out of the folder, to a file or on the way, and follow one that stays inside", async () => {
    writeFileSync(path.join(folder, "outside"), "no");
    write("inside", "yes");
    symlinkSync("../outside", path.join(directory, "relative"));
    symlinkSync(path.join(folder, "outside"), path.join(directory, "absolute"));
    symlinkSync("..", path.join(directory, "up"));
    symlinkSync("inside", path.join(directory, "link"));
    symlinkSync("loop", path.join(directory, "loop"));
    for (const name of ["relative", "absolute", "up/outside"]) {
      await expect(read(name)).rejects.toMatchObject({ code: "permission-denied" });
    }
    await expect(read("loop")).rejects.toMatchObject({ code: "not-found" });
    expect(String(await read("link"))).toBe("yes");
  });

  it("are not FIFOs, which would keep the reader waiting, nor folders", async () => {
    execFileSync("mkfifo", [path.join(directory, "fifo")]);
    mkdirSync(path.join(directory, "sub"));
    await expect(read("fifo")).rejects.toMatchObject({ code: "permission-denied" });
    await expect(read("sub")).rejects.toMatchObject({ code: "not-found" });
  });

  it("are found in a Kubernetes volume at every moment, while it is swapped", async () => {
    const publish = (number: number) => {
      mkdirSync(path.join(directory, `..${number}`));
      write(`..${number}/password`, `value ${number}`);
      symlinkSync(`..${number}`, path.join(directory, "..data_tmp"));
      renameSync(path.join(directory, "..data_tmp"), path.join(directory, "..data"));
      rmSync(path.join(directory, `..${number - 1}`), { recursive: true, force: true });
    };
    publish(1);
    symlinkSync("..data/password", path.join(directory, "password"));
    let isOver = false;
    let swapsInRead = 0;
    const swapping = (async () => {
      for (let number = 2; number < 200; number++) {
        publish(number);
        swapsInRead += 1;
        // Several times in one read, and not so often that a slow one never finds it in peace.
        do await sleep(1);
        while (swapsInRead >= 5);
      }
    })().finally(() => {
      isOver = true;
    });
    try {
      for (let last = 0; !isOver; ) {
        const number = Number(String(await read("password")).slice("value ".length));
        expect(number).toBeGreaterThanOrEqual(last);
        last = number;
        swapsInRead = 0;
      }
    } finally {
      await swapping;
    }
    expect((await files({ directory }).list!({ prefix: "" }, callContext())).items.map((one) => one.path)).toEqual(["password"]);
  });

  it("are listed by name, with their age and no value, leaving out what cannot be read", async () => {
    mkdirSync(path.join(directory, "sub"));
    write("b", "value-b");
    write("sub/a", "value-a");
    symlinkSync("/etc/hostname", path.join(directory, "outside"));
    const { items } = await files({ directory }).list!({ prefix: "" }, callContext());
    expect(items).toEqual([
      { path: "b", updatedAt: expect.any(Number) },
      { path: "sub/a", updatedAt: expect.any(Number) },
    ]);
  });
});
