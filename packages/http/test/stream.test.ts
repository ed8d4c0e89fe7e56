import { gzipSync } from "node:zlib";
import { isSecretsError, type SecretsError } from "@keyhold/core";
import { httpClient, httpError, type StreamOptions } from "@keyhold/http";
import { type CallContextOptions, callContext, manualClock } from "@keyhold/testing";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { answer, eventually, type RawServer, type Respond, rawServer } from "./servers.ts";

const runs = Math.min(2_000, Number(process.env.KEYHOLD_RUNS ?? 100));
const head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
const chunk = (bytes: Uint8Array | string): Buffer => {
  const body = Buffer.from(bytes as string);
  return Buffer.concat([Buffer.from(`${body.byteLength.toString(16)}\r\n`), body, Buffer.from("\r\n")]);
};

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function open(respond: Respond, context: CallContextOptions = {}, options: StreamOptions & { limit?: number } = {}) {
  const server = await rawServer(respond);
  const client = httpClient({
    baseUrl: server.url,
    ...(options.limit === undefined ? {} : { responseLimitBytes: options.limit }),
  });
  cleanups.push(
    () => server.close(),
    () => client.close(),
  );
  return { server, client, opened: client.stream({ path: "/watch" }, callContext(context), options) };
}

async function failure(work: Promise<unknown>): Promise<SecretsError> {
  const error = await work.catch((thrown: unknown) => thrown);
  if (isSecretsError(error)) return error;
  throw new Error("no SecretsError");
}

const drain = async <T>(source: AsyncIterable<T>): Promise<T[]> => {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
};

const closed = (server: RawServer) => eventually(() => server.open() === 0);

describe("a stream", () => {
  it("gives each line as soon as it is there", async () => {
    let send = (_text: string) => {};
    const { opened } = await open((socket) => {
      socket.write(head);
      send = (text) => socket.write(text === "" ? "0\r\n\r\n" : chunk(text));
    });
    const lines = (await opened).lines();
    for (const text of ["one", "two", "three"]) {
      send(`${text}\n`);
      expect(await lines.next()).toEqual({ done: false, value: text });
    }
    send("");
    expect(await lines.next()).toEqual({ done: true, value: undefined });
  });

  it("gives the same lines however they are cut into pieces", async () => {
    const line = fc.string({ unit: fc.constantFrom(..."ab {}\t\u0000\u2028ü€😀"), minLength: 1, maxLength: 12 });
    let bytes = Buffer.alloc(0);
    let sizes: readonly number[] = [];
    const server = await rawServer((socket) => {
      socket.write(head);
      let offset = 0;
      for (const size of sizes) {
        if (offset < bytes.byteLength) socket.write(chunk(bytes.subarray(offset, offset + size)));
        offset += size;
      }
      if (offset < bytes.byteLength) socket.write(chunk(bytes.subarray(offset)));
      socket.write("0\r\n\r\n");
    });
    const client = httpClient({ baseUrl: server.url });
    cleanups.push(
      () => server.close(),
      () => client.close(),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { maxLength: 6 }),
        fc.constantFrom("\n", "\r\n", "\n\n"),
        fc.boolean(),
        fc.array(fc.integer({ min: 1, max: 7 }), { maxLength: 30 }),
        async (lines, separator, ended, cuts) => {
          bytes = Buffer.from(lines.join(separator) + (ended ? separator : ""));
          sizes = cuts;
          const stream = await client.stream({ path: "/watch" }, callContext());
          expect(await drain(stream.lines())).toEqual(lines);
        },
      ),
      { numRuns: runs },
    );
  });

  it("asks for no compression, and refuses it", async () => {
    const { server, opened } = await open((socket) => socket.write(answer(gzipSync("a\n"), { "content-encoding": "gzip" })));
    const error = await failure(opened.then((stream) => drain(stream.lines())));
    expect(error.code).toBe("decode");
    expect(server.requests[0]).toContain("accept-encoding: identity\r\n");
    await closed(server);
  });

  it("outlives the deadline of the call, as a watch must", async () => {
    const { opened } = await open(
      (socket) => {
        socket.write(head);
        setTimeout(() => socket.write(`${chunk("late\n")}0\r\n\r\n`), 300);
      },
      { deadlineMs: 10_000, signal: new AbortController().signal },
    );
    expect(await drain((await opened).lines())).toEqual(["late"]);
  });

  it("is ended by its signal, and the server sees it", async () => {
    const controller = new AbortController();
    const { server, opened } = await open((socket) => socket.write(head), { signal: controller.signal });
    const reading = failure(opened.then((stream) => drain(stream.lines())));
    await eventually(() => server.requests.length === 1);
    setTimeout(() => controller.abort(), 50);
    expect((await reading).code).toBe("aborted");
    await closed(server);
  });

  it("that nobody reads yet is ended by its signal as well", async () => {
    const controller = new AbortController();
    const { server, opened } = await open((socket) => socket.write(head), { signal: controller.signal });
    const stream = await opened;
    controller.abort();
    await closed(server);
    expect((await failure(drain(stream.chunks()))).code).toBe("aborted");
  });

  it("ends when its reader leaves, and when it is closed", async () => {
    for (const leave of ["break", "close"] as const) {
      const { server, opened } = await open((socket) => socket.write(head + chunk("one\ntwo\n")));
      const stream = await opened;
      if (leave === "close") stream.close();
      else for await (const line of stream.lines()) if (line === "one") break;
      await closed(server);
    }
  });

  it("ends with its client", async () => {
    const { server, client, opened } = await open((socket) => socket.write(head));
    const reading = failure(opened.then((stream) => drain(stream.chunks())));
    await opened;
    client.close();
    expect((await reading).code).toBe("closed");
    await closed(server);
  });

  it("that falls silent is a timeout; time that the reader takes is not silence", async () => {
    const clock = manualClock();
    const { server, opened } = await open((socket) => socket.write(head + chunk("one\n")), { clock }, { idleTimeoutMs: 200 });
    const lines = (await opened).lines();
    expect((await lines.next()).value).toBe("one");
    await clock.advance(400);
    expect(server.open()).toBe(1);
    const silent = failure(lines.next());
    await clock.advance(200);
    expect((await silent).code).toBe("timeout");
    await closed(server);
  });

  it("whose head does not come is a timeout", async () => {
    const { server, opened } = await open(() => {}, {}, { answerTimeoutMs: 150 });
    expect((await failure(opened)).code).toBe("timeout");
    await closed(server);
  });

  it("that is cut is unavailable, after what came before", async () => {
    const { opened } = await open((socket) => socket.end(head + chunk("one\ntw")));
    const lines = (await opened).lines();
    expect((await lines.next()).value).toBe("one");
    expect((await failure(lines.next())).code).toBe("unavailable");
  });

  it("refuses a line without an end, and what is no text", async () => {
    const endless = await open((socket) => socket.write(head + chunk("a".repeat(2_000))), {}, { limit: 1_000 });
    expect((await failure(endless.opened.then((stream) => drain(stream.lines())))).code).toBe("decode");
    await closed(endless.server);
    const binary = await open((socket) => socket.write(Buffer.concat([Buffer.from(head), chunk(new Uint8Array([0xff, 0x0a]))])));
    expect((await failure(binary.opened.then((stream) => drain(stream.lines())))).code).toBe("decode");
    await closed(binary.server);
  });

  it("that turns out to be an error is read whole", async () => {
    const { opened } = await open((socket) => socket.write(answer(`{"code":410}`, {}, "410 Gone")));
    const stream = await opened;
    expect(stream.status).toBe(410);
    const response = await stream.read();
    expect(response.json()).toEqual({ code: 410 });
    const error = httpError(response, { provider: "kubernetes", codes: { 410: "not-found" }, clock: callContext().clock });
    expect(error).toMatchObject({ code: "not-found", provider: "kubernetes" });
  });
});
