import type { ServerResponse } from "node:http";
import { kubernetes } from "@keyhold/kubernetes";
import { callContext } from "@keyhold/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Asked, type StandIn, sendJson, sendStatus, startStandIn } from "./stand-in.ts";

let server: StandIn;
let provider: ReturnType<typeof kubernetes>;
/** How each watch in turn is answered; the last one stays open. */
let watches: ((response: ServerResponse) => unknown)[];
/** What each list in turn says. */
let lists: { readonly version?: string; readonly place: string }[];

beforeEach(async () => {
  [watches, lists] = [[], []];
  server = await startStandIn({
    answer({ url }, response) {
      if (!isWatch(url)) {
        const { version, place } = lists.shift() ?? { place: "999" };
        const items = version === undefined ? [] : [{ metadata: { name: "db", resourceVersion: version } }];
        return sendJson(response, 200, { metadata: { resourceVersion: place }, items });
      }
      const next = watches.shift();
      if (next) return next(response);
      response.writeHead(200, { "content-type": "application/json" });
      return response.flushHeaders();
    },
  });
  provider = kubernetes({ server: server.url, tls: { ca: server.ca }, token: "any", namespace: "ml" });
});
afterEach(async () => {
  await provider.close?.();
  await server.close();
});

const isWatch = (url: string) => url.includes("watch=true");
const event = (type: string, resourceVersion: string) =>
  `${JSON.stringify({ type, object: { metadata: { resourceVersion } } })}\n`;
const events =
  (...lines: readonly string[]) =>
  (response: ServerResponse) =>
    response.writeHead(200, { "content-type": "application/json" }).end(lines.join(""));
const placesAsked = (asked: readonly Asked[]) =>
  asked.filter(({ url }) => isWatch(url)).map(({ url }) => new URL(url, server.url).searchParams.get("resourceVersion"));

async function versionsTold(count: number): Promise<(string | undefined)[]> {
  const told: (string | undefined)[] = [];
  for await (const { version } of provider.watch!({ path: "db" }, callContext({ deadlineMs: Infinity }))) {
    told.push(version);
    if (told.length === count) break;
  }
  return told;
}

it("a watch that the server ends goes on from the last bookmark, and asks for no list", async () => {
  lists = [{ version: "5", place: "10" }];
  watches = [
    events(event("BOOKMARK", "20")),
    events(event("MODIFIED", "25"), event("BOOKMARK", "30")),
    events(event("MODIFIED", "35")),
  ];
  expect(await versionsTold(3)).toEqual(["5", "25", "35"]);
  expect(placesAsked(server.asked)).toEqual(["10", "20", "30"]);
  expect(server.asked.filter(({ url }) => !isWatch(url))).toHaveLength(1);
});

it("after 410 Gone, as an event and as an answer, it looks anew and tells what it missed, once", async () => {
  lists = [
    { version: "5", place: "10" },
    { version: "15", place: "20" },
    { version: "15", place: "30" },
  ];
  const gone = `${JSON.stringify({ type: "ERROR", object: { kind: "Status", code: 410, reason: "Expired" } })}\n`;
  watches = [
    events(gone),
    (response) => sendStatus(response, 410, "Expired"),
    events(event("DELETED", "40"), event("ADDED", "41")),
  ];
  expect(await versionsTold(4)).toEqual(["5", "15", undefined, "41"]);
  expect(placesAsked(server.asked)).toEqual(["10", "20", "30"]);
});

it("a connection that breaks, and a server that is away for a moment, are not told to the caller", async () => {
  lists = [{ version: "5", place: "10" }];
  watches = [
    (response) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.write(event("MODIFIED", "11"), () => response.socket?.destroy());
    },
    (response) => sendStatus(response, 503, "ServiceUnavailable"),
    events(event("MODIFIED", "12")),
  ];
  expect(await versionsTold(3)).toEqual(["5", "11", "12"]);
});

it("a server that stays away is told, and so at once is a permission that is missing", async () => {
  const away = (response: ServerResponse) => sendStatus(response, 503, "ServiceUnavailable");
  lists = [{ version: "5", place: "10" }];
  watches = [away, away, away];
  await expect(versionsTold(2)).rejects.toMatchObject({ code: "unavailable" });
  watches = [(response) => sendStatus(response, 403, "Forbidden")];
  lists = [{ version: "5", place: "10" }];
  await expect(versionsTold(2)).rejects.toMatchObject({ code: "permission-denied", hint: expect.stringContaining("verb") });
});

it("a server that ends every watch at once is not asked without a pause", async () => {
  lists = [{ version: "5", place: "10" }];
  watches = Array.from({ length: 100 }, () => events());
  const controller = new AbortController();
  const told = provider.watch!({ path: "db" }, callContext({ deadlineMs: Infinity, signal: controller.signal }));
  const iterator = told[Symbol.asyncIterator]();
  expect((await iterator.next()).value).toEqual({ version: "5" });
  setTimeout(() => controller.abort(), 700);
  // An abort ends the watch in a pause, and as an error in the middle of a request.
  const end = await iterator.next().catch(({ code }) => ({ done: code === "aborted" }));
  expect(end.done).toBe(true);
  expect(placesAsked(server.asked).length).toBeLessThan(10);
});

it("what is no event is decode, without a word of it", async () => {
  lists = [{ version: "5", place: "10" }];
  watches = [events('{"type":"canary-value-8f3a61\n')];
  const error = await versionsTold(2).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "decode" });
  expect(String((error as Error).message)).not.toContain("canary");
});
