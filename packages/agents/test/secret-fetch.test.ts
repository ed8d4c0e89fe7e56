import { secret } from "@keyhold/core";
import { signAwsRequest } from "@keyhold/identity";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { names, ok, startWorld, type World } from "../../../test/agents/world.ts";
import { createOpener, type Opener, value } from "./opened.ts";

let world: World;
let opener: Opener;

beforeAll(async () => {
  world = await startWorld();
  opener = createOpener(world);
});
afterEach(async () => {
  await opener.closeAll();
  world.reset();
});
afterAll(() => world.close());

const key = "test://key";

describe("a value is put in", () => {
  it("after Bearer, and the event says where it went", async () => {
    const { fetch, events } = await opener.open([opener.rule()]);
    const answer = await fetch(opener.url("/v1?a=b"), { headers: { authorization: `Bearer ${fetch.placeholder(key)}` } });
    expect(await answer.json()).toEqual({ ok: true });
    expect(world.api.requests[0]?.headers.authorization).toBe(`Bearer ${value}`);
    expect(events).toMatchObject([{ reference: key, outcome: "answered", status: 200, path: "/v1", method: "GET" }]);
    expect(answer.url).toBe(opener.url("/v1?a=b"));
  });

  it("alone in a header, in Basic as user or as password, and in a query", async () => {
    const header = (name: string, as: "raw" | "basic") => opener.rule({ header: name, as });
    const { fetch } = await opener.open([
      header("x-api-key", "raw"),
      header("authorization", "basic"),
      opener.rule({ query: "key" }),
    ]);
    const placeholder = fetch.placeholder(key);
    const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`;
    await fetch(opener.url(), { headers: { "X-Api-Key": placeholder } });
    await fetch(opener.url(), { headers: { authorization: basic(`${placeholder}:`) } });
    await fetch(opener.url(), { headers: { authorization: basic(`me:${placeholder}`) } });
    const answer = await fetch(opener.url(`/?a=%20&key=${placeholder}&b=`));
    const [raw, user, password, query] = world.api.requests;
    expect(raw?.headers["x-api-key"]).toBe(value);
    expect(user?.headers.authorization).toBe(basic(`${value}:`));
    expect(password?.headers.authorization).toBe(basic(`me:${value}`));
    expect(query?.path).toBe(`/?a=%20&key=${encodeURIComponent(value)}&b=`);
    expect(answer.url).toContain(placeholder);
  });

  it.each(["s3", "sts"])("into a signature for %s that is the one AWS expects", async (service) => {
    const { fetch, secrets } = await opener.open([opener.rule({ aws: { service, region: "eu-west-1" } })]);
    const keys = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "a-secret-access-key", sessionToken: "a-session-token" };
    await secrets.put("test://key", JSON.stringify(keys));
    const placeholder = fetch.placeholder(key);
    const authorization = `AWS4-HMAC-SHA256 Credential=${placeholder}/20300101/x/y/aws4_request, SignedHeaders=host, Signature=0`;
    await fetch(opener.url("/a%20b?c=d"), { method: "POST", body: "hello", headers: { authorization, "x-amz-target": "A.B" } });
    const headers = world.api.requests[0]?.headers ?? {};
    const at = String(headers["x-amz-date"]).replace(/(....)(..)(..)T(..)(..)(..)Z/, "$1-$2-$3T$4:$5:$6Z");
    const signed = /SignedHeaders=([^,]+)/.exec(headers.authorization ?? "")?.[1]?.split(";") ?? [];
    const expected = signAwsRequest(
      {
        method: "POST",
        host: `${names.api}:${world.api.port}`,
        path: "/a%20b?c=d",
        body: "hello",
        headers: Object.fromEntries(signed.map((name) => [name, headers[name] as string])),
      },
      {
        credentials: keys,
        region: "eu-west-1",
        service,
        signedAt: Date.parse(at),
        normalizePath: service !== "s3",
        encodePathTwice: service !== "s3",
      },
    );
    expect(headers.authorization).toBe(expected.authorization);
    expect(headers["x-amz-security-token"]).toBe(keys.sessionToken);
    expect(signed.includes("x-amz-content-sha256")).toBe(service === "s3");
  });

  it("anew when the host says 401 and the backend has a newer one", async () => {
    const { fetch, secrets, events } = await opener.open([opener.rule()]);
    await secrets.get("test://key");
    world.api.answer = ({ headers }, response) => {
      response.writeHead(headers.authorization === "Bearer the-newer-one" ? 200 : 401).end();
    };
    const headers = { authorization: `Bearer ${fetch.placeholder(key)}` };
    expect((await fetch(opener.url(), { headers })).status).toBe(401);
    await secrets.put("test://key", "the-newer-one");
    expect((await fetch(opener.url(), { method: "POST", body: "once", headers })).status).toBe(200);
    expect(world.api.requests.at(-1)?.body).toBe("once");
    expect(events.map((event) => event.status)).toEqual([401, 200]);
  });

  it("or not at all when the host says 401 and the secret is gone: the refusal that nobody reads is let go", async () => {
    const { fetch, secrets } = await opener.open([opener.rule()]);
    let isLetGo = false;
    world.api.answer = async (_request, response) => {
      response.once("close", () => {
        isLetGo = true;
      });
      await secrets.remove("test://key");
      response.writeHead(401).write("x");
    };
    const headers = { authorization: `Bearer ${fetch.placeholder(key)}` };
    await expect(fetch(opener.url(), { headers })).rejects.toMatchObject({ code: "not-found" });
    world.api.answer = ok;
    // Not by the clock: later the garbage collector would let it go too.
    for (let request = 0; request < 20; request += 1) await (await fetch(opener.url())).text();
    expect(isLetGo).toBe(true);
  });
});

describe("as a fetch", () => {
  it("takes a Request, a URL, a form, a stream, and an empty body", async () => {
    const { fetch } = await opener.open([opener.rule()]);
    const form = new FormData();
    form.set("file", new Blob(["content"]), "a.txt");
    await fetch(new Request(opener.url("/request"), { method: "PUT", body: "text" }));
    await fetch(new URL(opener.url("/form")), { method: "POST", body: form });
    await fetch(opener.url("/stream"), { method: "POST", body: new Blob(["streamed"]).stream(), duplex: "half" } as RequestInit);
    await fetch(opener.url("/empty"), { method: "POST" });
    const [request, multipart, stream, empty] = world.api.requests;
    expect(request).toMatchObject({ method: "PUT", body: "text" });
    expect(multipart?.headers["content-type"]).toMatch(/^multipart\/form-data; boundary=/);
    expect(multipart?.body).toContain("content");
    expect(stream?.body).toBe("streamed");
    expect(empty?.headers["content-length"]).toBe("0");
  });

  it("gives a global Response, also for an empty answer, and streams what comes as it comes", async () => {
    const { fetch } = await opener.open([opener.rule()]);
    world.api.answer = (_request, response) => response.writeHead(204).end();
    const empty = await fetch(opener.url());
    expect([empty instanceof Response, empty.status, await empty.text()]).toEqual([true, 204, ""]);
    let finish = (): unknown => undefined;
    world.api.answer = (_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" }).write("data: first\n\n");
      finish = () => response.end();
    };
    const reader = (await fetch(opener.url())).body?.getReader();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe("data: first\n\n");
    finish();
    expect((await reader?.read())?.done).toBe(true);
  });

  it("rejects with the caller's own reason when the caller stops it", async () => {
    const { fetch } = await opener.open([opener.rule()]);
    world.api.answer = () => {};
    await expect(fetch(opener.url(), { signal: AbortSignal.timeout(30) })).rejects.toMatchObject({ name: "TimeoutError" });
    await expect(fetch(opener.url(), { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: "AbortError" });
  });

  it("follows a redirect of a request without a secret, and the caller's own mode", async () => {
    const { fetch } = await opener.open([opener.rule()]);
    world.api.answer = ({ path }, response) =>
      path === "/a" ? response.writeHead(302, { location: "/b" }).end() : response.end("there");
    const followed = await fetch(opener.url("/a"));
    expect([await followed.text(), followed.url, followed.redirected]).toEqual(["there", opener.url("/b"), true]);
    expect((await fetch(opener.url("/a"), { redirect: "manual" })).status).toBe(302);
    await expect(fetch(opener.url("/a"), { redirect: "error" })).rejects.toMatchObject({ code: "permission-denied" });
  });

  it("hands a redirect of a request with a secret back, or follows it without", async () => {
    const location = opener.url("/b");
    world.api.answer = ({ path }, response) =>
      path === "/a" ? response.writeHead(302, { location }).end() : response.end("there");
    const returning = await opener.open([opener.rule()]);
    const handed = await returning.fetch(opener.url("/a"), {
      headers: { authorization: `Bearer ${returning.fetch.placeholder(key)}` },
    });
    expect([handed.status, handed.headers.get("location")]).toEqual([302, location]);
    const { fetch } = await opener.open([opener.rule({ redirects: "follow-without-value" })]);
    const headers = { authorization: `Bearer ${fetch.placeholder(key)}`, "x-other": "kept" };
    expect(await (await fetch(opener.url("/a"), { headers })).text()).toBe("there");
    expect(world.api.requests.at(-1)?.headers).toMatchObject({ "x-other": "kept" });
    expect(world.api.requests.at(-1)?.headers.authorization).toBeUndefined();
  });

  it("gives nothing but the status of a host that is not trusted", async () => {
    const { fetch, secrets } = await opener.open([opener.rule({ response: "status-only" })]);
    await secrets.put("test://key", secret("1234"));
    world.api.answer = (_request, response) => response.writeHead(418, { "x-a": "4321" }).end("4321");
    const headers = { authorization: `Bearer ${fetch.placeholder(key)}` };
    for (const init of [{ headers }, {}]) {
      const answer = await fetch(opener.url(), init);
      expect([answer.status, [...answer.headers], answer.body]).toEqual([418, [], null]);
    }
  });

  it("goes to hosts without a rule only where it was told so, and then to public addresses", async () => {
    const evil = `https://${names.evil}:${world.evil.port}/`;
    const closed = await opener.open([opener.rule()]);
    await expect(closed.fetch(evil)).rejects.toMatchObject({ code: "permission-denied" });
    const sending = await opener.open([opener.rule()], { unlisted: "send" });
    await expect(sending.fetch(evil)).rejects.toThrow("address");
    expect(world.evil.requests).toEqual([]);
  });

  it("rejects after close", async () => {
    const { fetch } = await opener.open([opener.rule()]);
    await (await fetch(opener.url())).text();
    await fetch.close();
    await expect(fetch(opener.url())).rejects.toMatchObject({ code: "closed" });
  });
});
