import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { answer, rawServer } from "./servers.ts";

const program = `
  import { httpClient } from "@keyhold/http";
  import { systemClock } from "@keyhold/core";
  const heavy = () => process.moduleLoadList.filter((name) => /^NativeModule (https?|tls|zlib|crypto|internal\\/deps\\/undici.*)$/.test(name));
  const client = httpClient({ baseUrl: process.argv[1] });
  const loaded = heavy();
  const context = () => ({ signal: new AbortController().signal, deadlineAt: systemClock.monotonic() + 60_000, clock: systemClock });
  const { status } = await client.request({ path: "/" }, context());
  console.log(JSON.stringify({ loaded, undici: heavy().some((name) => name.includes("undici")), status, startedAt: Date.now() }));
`;

describe("a process", () => {
  it("loads no network module at import, and ends by itself although a connection is kept and nothing was closed", async () => {
    const server = await rawServer((socket) => socket.write(answer("{}")));
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--conditions=@keyhold/source", "--input-type=module", "--eval", program, server.url],
      { cwd: path.dirname(import.meta.dirname), timeout: 100_000 },
    );
    const endedAt = Date.now();
    await server.close();
    const told = JSON.parse(stdout) as { loaded: string[]; undici: boolean; status: number; startedAt: number };
    expect(told).toMatchObject({ loaded: [], undici: false, status: 200 });
    // The deadline of the call was a minute and the connection would be kept for longer than this test may take.
    expect(endedAt - told.startedAt).toBeLessThan(40_000);
  });
});
