import { inspect } from "node:util";
import { createSecrets } from "@keyhold/core";
import { memory } from "@keyhold/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { names, startWorld, type World } from "../../../test/agents/world.ts";
import { secretFetch } from "../src/index.ts";
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
const secrets = createSecrets({ providers: { test: memory() } });
const full = { reference: key, host: "api.example.com", header: "authorization" };

describe("a rule is refused", () => {
  const wrong: Readonly<Record<string, readonly object[]>> = {
    "without a host": [{ ...full, host: undefined }],
    "with an empty host": [{ ...full, host: "" }],
    "with a wildcard": [{ ...full, host: "*.example.com" }],
    "with a URL for a host": [{ ...full, host: "https://api.example.com/v1" }],
    "with a port in the host": [{ ...full, host: "api.example.com:8443" }],
    "with a user in the host": [{ ...full, host: "a@api.example.com" }],
    "with a dot at the end of the host": [{ ...full, host: "api.example.com." }],
    "with an address it does not allow": [{ ...full, host: "10.0.0.1" }],
    "without a place": [{ ...full, header: undefined }],
    "with two places": [{ ...full, query: "key" }],
    "for a header that frames the message": [{ ...full, header: "Host" }],
    "for a header that is none": [{ ...full, header: "a b" }],
    "whose limit is misspelt, which would be no limit": [{ ...full, paths: "/v1" }],
    "with a method that is no text": [{ ...full, methods: [5] }],
    "with an unknown form": [{ ...full, as: "digest" }],
    "with an unknown response": [{ ...full, response: "raw" }],
    "with another scheme": [{ ...full, scheme: "ftp" }],
    "for http beyond loopback": [{ ...full, scheme: "http", addresses: ["10.0.0.0/8"] }],
    "for http to all of the network": [{ ...full, scheme: "http", addresses: ["127.0.0.0/4"] }],
    "with a port that is none": [{ ...full, port: 70_000 }],
    "with a path that is none": [{ ...full, path: "v1" }],
    "with dots in its path": [{ ...full, path: "/v1/../v2" }],
    "with methods that are none": [{ ...full, methods: [] }],
    "with addresses that are none": [{ ...full, addresses: ["intranet"] }],
    "with a subnet that is none": [{ ...full, addresses: ["10.0.0.0/33"] }],
    "with a reference that is none": [{ ...full, reference: "not a reference" }],
    "without a service to sign for": [{ ...full, header: undefined, aws: { region: "eu-west-1" } }],
    "that contradicts another about the form": [full, { ...full, as: "raw" }],
    "that signs what another fills": [full, { ...full, header: undefined, aws: { service: "s3", region: "eu-west-1" } }],
    "that contradicts another about addresses": [full, { ...full, reference: "test://b", addresses: ["10.0.0.1"] }],
    "that contradicts another about answers": [full, { ...full, reference: "test://b", response: "status-only" }],
    "that contradicts itself about redirects": [{ ...full, response: "status-only", redirects: "follow-without-value" }],
    "that is no object": [null as never],
  };

  it.each(Object.entries(wrong))("%s", (_name, allow) => {
    expect(() => secretFetch({ secrets, allow: allow as never })).toThrow(expect.objectContaining({ code: "invalid-argument" }));
  });

  it("but not one more for the same host, or in another notation of it", () => {
    const more = { ...full, reference: "test://b", host: "API.example.COM", port: 443, path: "/v2" };
    expect(() => secretFetch({ secrets, allow: [full, more, { ...full, host: "b\u00fccher.example" }] })).not.toThrow();
  });
});

describe("before a byte is sent, a request is refused", () => {
  const wrong: Readonly<Record<string, (placeholder: string) => [path: string, init?: RequestInit]>> = {
    "with a placeholder of nobody's": () => ["/", { headers: { authorization: `Bearer keyhold0${"a".repeat(32)}` } }],
    "with a placeholder that was cut": (placeholder) => [
      "/",
      { headers: { authorization: `Bearer ${placeholder.slice(0, -2)}` } },
    ],
    "with a placeholder in capitals": (placeholder) => [
      "/",
      { headers: { authorization: `Bearer ${placeholder.toUpperCase()}` } },
    ],
    "with something around the placeholder": (placeholder) => ["/", { headers: { authorization: `Bearer x${placeholder}` } }],
    "with the placeholder in a body": (placeholder) => ["/", { method: "POST", body: `{"key":"${placeholder}"}` }],
    "with the placeholder in a form": (placeholder) => ["/", { method: "POST", body: new URLSearchParams({ key: placeholder }) }],
    "with the placeholder in the path": (placeholder) => [`/${placeholder}`],
    "with the placeholder in the wrong parameter": (placeholder) => [`/?q=${placeholder}`],
    "with the placeholder as a parameter's name": (placeholder) => [`/?${placeholder}=1`],
    "with the placeholder percent-encoded": (placeholder) => [`/?q=%6b${placeholder.slice(1)}`],
    "with the placeholder in another header": (placeholder) => ["/", { headers: { "x-a": placeholder } }],
    "with the placeholder without Bearer": (placeholder) => ["/", { headers: { authorization: placeholder } }],
    "with another Host": () => ["/", { headers: { host: "other.test" } }],
    "with a header that frames the message": () => ["/", { headers: { "transfer-encoding": "chunked" } }],
    "with a method to trace": () => ["/", { method: "TRACE" }],
  };

  it.each(Object.entries(wrong))("%s", async (_name, make) => {
    const { fetch } = await opener.open([opener.rule()]);
    const [path, init] = make(fetch.placeholder(key));
    await expect(fetch(opener.url(path), init)).rejects.toMatchObject({ name: "SecretsError" });
    expect(world.api.bytes().length).toBe(0);
  });

  it("with a body that is too large, and a reference that is not there", async () => {
    const { fetch, secrets: held, events } = await opener.open([opener.rule()], { maxRequestBytes: 10 });
    await expect(fetch(opener.url(), { method: "POST", body: "12345678901" })).rejects.toMatchObject({
      code: "invalid-argument",
    });
    await held.remove("test://key");
    const headers = { authorization: `Bearer ${fetch.placeholder(key)}` };
    await expect(fetch(opener.url(), { headers })).rejects.toMatchObject({ code: "not-found" });
    expect(events).toMatchObject([{ outcome: "refused", reference: key }]);
    expect(world.api.requests).toEqual([]);
  });

  it.each(["line\nbreak", "ends with a space ", "", "snow\u2603man", "short"])(
    "with a value that cannot stand there: %j",
    async (text) => {
      const { fetch, secrets: held } = await opener.open([opener.rule()]);
      await held.put("test://key", text);
      const failed = fetch(opener.url(), { headers: { authorization: `Bearer ${fetch.placeholder(key)}` } });
      const error = await failed.catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "invalid-argument" });
      if (text !== "" && text !== "short") expect(inspect(error)).not.toContain(text);
      expect(world.api.requests).toEqual([]);
    },
  );

  it("with a body that says nothing any more, at its deadline, at its caller's signal, and when its grant is revoked", async () => {
    const { fetch, events } = await opener.open([opener.rule()], { deadlineMs: 300 });
    let cancelled = 0;
    const post = (more: RequestInit = {}): RequestInit => {
      const pull = () => new Promise<void>(() => {});
      const cancel = () => {
        cancelled += 1;
      };
      return { method: "POST", body: new ReadableStream({ pull, cancel }), duplex: "half", ...more } as RequestInit;
    };
    await expect(fetch(opener.url(), post())).rejects.toMatchObject({ code: "timeout" });
    const leaving = new AbortController();
    const left = fetch(opener.url(), post({ signal: leaving.signal }));
    leaving.abort(new Error("gone"));
    await expect(left).rejects.toThrow("gone");
    const grant = fetch.grant({ references: [key] });
    const headers = { authorization: `Bearer ${grant.fetch.placeholder(key)}` };
    const revoked = grant.fetch(opener.url(), post({ headers }));
    grant.revoke();
    await expect(revoked).rejects.toMatchObject({ code: "permission-denied" });
    expect(events).toMatchObject([{ outcome: "refused", reference: key }]);
    expect(cancelled).toBe(3);
    expect(world.api.bytes().length).toBe(0);
  });

  it("with a body of something else than bytes, which would not arrive", async () => {
    const { fetch } = await opener.open([opener.rule()]);
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue("text");
        controller.close();
      },
    });
    const init = { method: "POST", body, duplex: "half" } as RequestInit;
    await expect(fetch(opener.url(), init)).rejects.toMatchObject({ code: "invalid-argument" });
    expect(world.api.requests).toEqual([]);
  });

  it("but a prompt may mention a placeholder where the rule says so", async () => {
    const { fetch } = await opener.open([opener.rule({ placeholderInBody: "keep" })]);
    const body = `my key is ${fetch.placeholder(key)}`;
    await fetch(opener.url(), { method: "POST", body });
    expect(world.api.requests[0]?.body).toBe(body);
  });
});

const much = 100_000_000;

/** The host answers with 100 MB, as fast as they are taken. Gives how many bytes it got rid of. */
function writeMuch(): () => number {
  let written = 0;
  world.api.answer = (_request, response) => {
    const piece = Buffer.alloc(65_536);
    const more = (): void => {
      while (written < much && !response.destroyed) {
        written += piece.length;
        if (!response.write(piece)) {
          response.once("drain", more);
          return;
        }
      }
      response.end();
    };
    more();
  };
  return () => written;
}

describe("an answer is bounded", () => {
  it("where it is 100 MB, and where it unpacks to that", async () => {
    const { fetch } = await opener.open([opener.rule()], { maxResponseBytes: 1_000_000 });
    const { gzipSync } = await import("node:zlib");
    const packed = gzipSync(Buffer.alloc(much));
    const written = writeMuch();
    await expect((await fetch(opener.url())).text()).rejects.toMatchObject({ code: "decode" });
    expect(written()).toBeLessThan(much);
    world.api.answer = (_request, response) => response.writeHead(200, { "content-encoding": "gzip" }).end(packed);
    await expect((await fetch(opener.url())).arrayBuffer()).rejects.toMatchObject({ code: "decode" });
  });

  it("where it never ends", async () => {
    const { fetch } = await opener.open([opener.rule()], { deadlineMs: 300 });
    let writing: NodeJS.Timeout | undefined;
    world.api.answer = (_request, response) => {
      writing = setInterval(() => response.write("more\n"), 5);
      response.once("close", () => clearInterval(writing));
    };
    // On a busy machine not even the head may come in time.
    await expect(fetch(opener.url()).then((answer) => answer.text())).rejects.toMatchObject({ code: "timeout" });
    world.api.answer = () => {};
    await expect(fetch(opener.url())).rejects.toMatchObject({ code: "timeout" });
  });

  it("where it stops under way and its caller leaves, also after memory was cleaned up", async () => {
    const { fetch } = await opener.open([opener.rule()]);
    const collectGarbage = await garbageCollector();
    const leaving = new AbortController();
    world.api.answer = (_request, response) => void response.writeHead(200).write("begun");
    const answer = await fetch(opener.url(), { signal: leaving.signal });
    const read = answer.text();
    for (let round = 0; round < 5; round += 1) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      collectGarbage();
    }
    leaving.abort(new Error("gone"));
    await expect(read).rejects.toThrow("gone");
  });

  it("and what nobody reads is not fetched", async () => {
    const { fetch } = await opener.open([opener.rule()]);
    const written = writeMuch();
    const answer = await fetch(opener.url());
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(written()).toBeLessThan(much);
    await answer.body?.cancel();
  });
});

describe("an answer whose compression is left as it is, so that nothing is found in it, is not handed over", () => {
  it.each(["gzip, identity", "identity, gzip", "gzip,", ", gzip", "zstd", "compress"])("%j", async (coding) => {
    const { gzipSync } = await import("node:zlib");
    world.api.answer = (request, response) =>
      response.writeHead(200, { "content-encoding": coding }).end(gzipSync(String(request.headers.authorization)));
    const { fetch } = await opener.open([opener.rule()]);
    const asked = fetch(opener.url(), { headers: { authorization: `Bearer ${fetch.placeholder(key)}` } });
    await expect(asked).rejects.toMatchObject({ code: "decode" });
  });

  it("as a coding of the transfer", async () => {
    const { gzipSync } = await import("node:zlib");
    world.api.answer = (request, response) =>
      response.writeHead(200, { "transfer-encoding": "gzip, chunked" }).end(gzipSync(String(request.headers.authorization)));
    const { fetch } = await opener.open([opener.rule()]);
    const asked = fetch(opener.url(), { headers: { authorization: `Bearer ${fetch.placeholder(key)}` } });
    await expect(asked).rejects.toMatchObject({ code: "decode" });
  });

  it("but one that is undone is", async () => {
    const { gzipSync } = await import("node:zlib");
    const { fetch } = await opener.open([opener.rule()]);
    for (const coding of ["gzip", " GZIP ", "gzip, gzip", "identity", ""]) {
      world.api.answer = (request, response) => {
        const times = coding.toLowerCase().split("gzip").length - 1;
        const plain = Buffer.from(String(request.headers.authorization));
        const packed = Array.from({ length: times }).reduce<Buffer>((bytes) => gzipSync(bytes), plain);
        response.writeHead(200, { "content-encoding": coding }).end(packed);
      };
      const answer = await fetch(opener.url(), { headers: { authorization: `Bearer ${fetch.placeholder(key)}` } });
      expect(await answer.text()).toBe("Bearer [secret]");
    }
  });
});

describe("a host that is not what it says", () => {
  it("is not talked to without a certificate, whatever the environment says", async () => {
    const { fetch } = await opener.open([opener.rule()], { ca: (await startCertificates()).ca });
    const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
    try {
      const headers = { authorization: `Bearer ${fetch.placeholder(key)}` };
      await expect(fetch(opener.url(), { headers })).rejects.toMatchObject({ code: "unavailable" });
    } finally {
      if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
      else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before;
    }
    expect(world.api.bytes().toString("latin1")).not.toContain(value);
  });
});

describe("a placeholder", () => {
  it("is random, the same for the same reference, survives JSON, and has the shape that was asked for", async () => {
    const [{ fetch }, other] = [await opener.open([opener.rule()]), await opener.open([opener.rule()])];
    const placeholder = fetch.placeholder(key);
    expect(fetch.placeholder(key)).toBe(placeholder);
    expect(other.fetch.placeholder(key)).not.toBe(placeholder);
    expect(JSON.parse(JSON.stringify(placeholder))).toBe(encodeURIComponent(placeholder));
    expect(placeholder).not.toMatch(/test|key:/);
    expect(fetch.placeholder(key, { prefix: "ghp_", length: 40 })).toMatch(/^ghp_[a-z0-9]{36}$/);
    const headers = { authorization: `Bearer ${fetch.placeholder(key, { prefix: "sk-ant-" })}` };
    await fetch(opener.url(), { headers });
    expect(world.api.requests[0]?.headers.authorization).toBe(`Bearer ${value}`);
  });

  it("is refused for a reference without a rule, and for a shape that leaves no room for chance", async () => {
    const { fetch } = await opener.open([opener.rule()]);
    expect(() => fetch.placeholder("test://other")).toThrow(expect.objectContaining({ code: "permission-denied" }));
    for (const options of [{ length: 20 }, { prefix: "a b" }, { length: 40.5 }]) {
      expect(() => fetch.placeholder(key, options)).toThrow(expect.objectContaining({ code: "invalid-argument" }));
    }
  });
});

async function garbageCollector(): Promise<() => void> {
  const [{ setFlagsFromString }, { runInNewContext }] = await Promise.all([import("node:v8"), import("node:vm")]);
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc");
}

async function startCertificates() {
  const { certificateAuthority } = await import("../../../test/servers/certificates.ts");
  return (await certificateAuthority()).issue({ hosts: [names.api] });
}
