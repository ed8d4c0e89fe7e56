import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { createSecrets, type SecretsError, secret } from "@keyhold/core";
import { eventGridToken, pubSubToken, type Sender, sharedKey, signature, webhook } from "@keyhold/core/webhook";
import { manualClock, memory } from "@keyhold/testing";
import { afterEach, describe, expect, it } from "vitest";
import { type Issuer, listen, signed, startIssuer } from "./sending.ts";

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
});

/** A webhook on a real socket. `told` are the events that reached the client. */
async function receiver(sender: Sender) {
  const clock = manualClock();
  const client = createSecrets({ providers: { m: memory({ secrets: { a: "1" } }) } });
  const told: unknown[] = [];
  const failures: Error[] = [];
  const secrets = {
    notify: (event: unknown) => {
      const failure = failures.shift();
      if (failure) return Promise.reject(failure);
      told.push(JSON.parse(Buffer.from(event as Uint8Array).toString()));
      return client.notify(event);
    },
  };
  const server = await listen(webhook({ secrets, sender, clock }));
  closing.push(server.close, () => client.close());
  const send = async (body: string, headers: Record<string, string> = {}, method = "POST", query = "") => {
    const response = await fetch(`${server.url}/hook${query}`, { method, headers, ...(method === "POST" ? { body } : {}) });
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
  return { clock, told, failures, send, url: server.url };
}

async function issuer(algorithm?: "RS256" | "ES256"): Promise<Issuer> {
  const made = await startIssuer(algorithm);
  closing.push(made.close);
  return made;
}

const body = JSON.stringify({ reference: "m://a" });
const now = Date.UTC(2030, 0, 1);
const key = randomBytes(32);

describe("a signature", () => {
  it("is taken once, however often it is sent, and again when it failed on our side", async () => {
    const { send, told, failures } = await receiver(signature({ key: secret(key) }));
    const headers = signed(key, body, "msg-1", now);
    failures.push(new Error("hunter2"));
    expect(await send(body, headers)).toMatchObject({ status: 503, text: "" });
    const answers = await Promise.all(Array.from({ length: 10 }, () => send(body, headers)));
    expect([answers.map(({ status }) => status), told.length]).toEqual([Array.from({ length: 10 }, () => 200), 1]);
    expect((await send(body, signed(key, body, "msg-2", now))).status).toBe(200);
    expect(told).toHaveLength(2);
  });

  it("is refused with any part changed, and when its time is more than five minutes off", async () => {
    const { send, told, clock } = await receiver(signature({ key: secret(key) }));
    const good = signed(key, body, "msg-1", now);
    const bad = [
      {},
      { ...good, "webhook-id": "msg-2" },
      { ...good, "webhook-timestamp": String(now / 1_000 + 1) },
      { ...good, "webhook-signature": good["webhook-signature"]!.slice(0, -2) },
      { ...good, "webhook-signature": good["webhook-signature"]!.replace("v1,", "v2,") },
      signed(randomBytes(32), body, "msg-1", now),
      signed(key, `${body} `, "msg-1", now),
      signed(key, body, "msg-1", now - 301_000),
      signed(key, body, "msg-1", now + 301_000),
    ];
    for (const headers of bad) expect((await send(body, headers as Record<string, string>)).status).toBe(401);
    await clock.advance(301_000);
    expect((await send(body, good)).status).toBe(401);
    expect(told).toEqual([]);
  });

  it("by the key before is taken as long as the handle of the key has that", async () => {
    const clock = manualClock();
    const keys = createSecrets({ providers: { m: memory({ secrets: { key: key } }) }, clock, overlapMs: 10_000 });
    closing.push(() => keys.close());
    const handle = await keys.handle("m://key");
    const { send } = await receiver(signature({ key: handle }));
    const next = `whsec_${randomBytes(24).toString("base64")}`;
    await keys.put("m://key", next);
    while (handle.previous === undefined) await clock.advance(0);
    const status = async (with_: Uint8Array, id: string) => (await send(body, signed(with_, body, id, now))).status;
    expect(await status(Buffer.from(next.slice(6), "base64"), "1")).toBe(200);
    expect(await status(key, "2")).toBe(200);
    await clock.advance(10_001);
    expect(await status(key, "3")).toBe(401);
    handle.close();
    expect(await status(Buffer.from(next.slice(6), "base64"), "4")).toBe(503);
  });

  it("with several for one delivery, as while a key is replaced, is taken by any", async () => {
    const { send, told } = await receiver(signature({ key: secret(key) }));
    const headers = signed(key, body, "1", now);
    headers["webhook-signature"] = `v1a,abc v1,${randomBytes(32).toString("base64")} ${headers["webhook-signature"]}`;
    expect([(await send(body, headers)).status, told.length]).toEqual([200, 1]);
  });
});

describe("a key", () => {
  const event = (time: string) => JSON.stringify([{ specversion: "1.0", type: "x", time, data: { reference: "m://a" } }]);
  const fresh = event(new Date(now - 60_000).toISOString());
  const text = key.toString("base64");

  it("in a header or in the address is taken with an event of the last day, once", async () => {
    const inHeader = await receiver(sharedKey({ key: secret(text), header: "X-Api-Key" }));
    expect((await inHeader.send(fresh, { "x-api-key": text })).status).toBe(200);
    expect((await inHeader.send(fresh, { "x-api-key": text })).status).toBe(200);
    expect(inHeader.told).toHaveLength(1);
    const inAddress = await receiver(sharedKey({ key: secret(text), parameter: "code" }));
    const query = `?code=${encodeURIComponent(text)}`;
    expect((await inAddress.send(fresh, {}, "POST", query)).status).toBe(200);
    expect((await inAddress.send(fresh, {}, "POST", `${query}&code=other`)).status).toBe(401);
    expect((await inAddress.send(fresh, { code: text })).status).toBe(401);
  });

  it("is refused when it is another, and with an event that is old, of tomorrow, or tells no time", async () => {
    const { send, told } = await receiver(sharedKey({ key: secret(text), header: "x-api-key" }));
    const other = randomBytes(32).toString("base64");
    const right = { "x-api-key": text };
    const bad: [string, Record<string, string>][] = [
      [fresh, {}],
      [fresh, { "x-api-key": "" }],
      [fresh, { "x-api-key": other }],
      [fresh, { "x-api-key": `${text} x` }],
      [event(new Date(now - 87_000_000).toISOString()), right],
      [event(new Date(now + 3_600_000).toISOString()), right],
      [event("soon"), right],
      [body, right],
      ["[]", right],
      ["{", right],
    ];
    for (const [sent, headers] of bad) expect((await send(sent, headers)).status).toBe(401);
    expect(told).toEqual([]);
  });

  it("that is short, or no secret, is refused", async () => {
    expect(() => sharedKey({ key: "text" as never, header: "x" })).toThrow(expect.objectContaining({ code: "invalid-argument" }));
    expect(() => sharedKey({ key: secret(text) })).toThrow(expect.objectContaining({ code: "invalid-argument" }));
    const { send } = await receiver(sharedKey({ key: secret("short"), header: "x-api-key" }));
    expect((await send(fresh, { "x-api-key": "short" })).status).toBe(503);
  });
});

describe("Event Grid", () => {
  const tenantId = "3e1ab2b4-0c52-4f9a-9d51-5d1c9a1f2b3c";
  const audience = "api://keyhold-webhook";
  const good = {
    iss: `https://sts.windows.net/${tenantId}/`,
    aud: audience,
    tid: tenantId,
    appid: "4962773b-9cdb-44cf-a8bf-237846a00ab7",
    iat: now / 1_000 - 10,
    nbf: now / 1_000 - 10,
    exp: now / 1_000 + 3_600,
  };
  const handshake = JSON.stringify([
    {
      id: "1",
      eventType: "Microsoft.EventGrid.SubscriptionValidationEvent",
      eventTime: new Date(now).toISOString(),
      data: { validationCode: "512d38b6-c7b8-40c8-89fe-f46f9e9622b6" },
    },
  ]);

  it("has the handshake of either schema answered, and only for itself", async () => {
    const entra = await issuer();
    const { send } = await receiver(eventGridToken({ tenantId, audience, keysUrl: entra.keysUrl }));
    const authorization = `Bearer ${await entra.sign(good)}`;
    expect(await send(handshake, { authorization })).toMatchObject({
      status: 200,
      text: '{"validationResponse":"512d38b6-c7b8-40c8-89fe-f46f9e9622b6"}',
    });
    expect((await send(handshake, { authorization })).text).toContain("512d38b6");
    expect((await send(handshake)).status).toBe(401);
    const asked = { "webhook-request-origin": "eventgrid.azure.net" };
    const permitted = await send("", { ...asked, authorization }, "OPTIONS");
    expect([permitted.status, permitted.headers.get("webhook-allowed-origin")]).toEqual([200, "eventgrid.azure.net"]);
    const refused = await send("", asked, "OPTIONS");
    expect([refused.status, refused.headers.get("webhook-allowed-origin")]).toEqual([401, null]);
  });

  it("is known by tokens of both versions, and by nobody else's", async () => {
    const entra = await issuer();
    const { send, told } = await receiver(eventGridToken({ tenantId, audience, keysUrl: entra.keysUrl }));
    const status = async (claims: object, sent: string) =>
      (await send(sent, { authorization: `Bearer ${await entra.sign({ ...claims })}` })).status;
    const { appid, ...rest } = good;
    expect(await status(good, body)).toBe(200);
    expect(await status({ ...rest, iss: `https://login.microsoftonline.com/${tenantId}/v2.0`, azp: appid }, `${body} `)).toBe(
      200,
    );
    for (const change of [
      { appid: "00000000-0000-0000-0000-000000000000" },
      { appid: undefined },
      { tid: "another" },
      { iss: "https://sts.windows.net/another/" },
      { aud: "api://another" },
      { aud: undefined },
    ]) {
      expect(await status({ ...good, ...change }, `${body}  `)).toBe(401);
    }
    expect(told).toHaveLength(2);
  });
});

describe("Pub/Sub", () => {
  const audience = "https://example.com/hook";
  const serviceAccount = "push@p.iam.gserviceaccount.com";
  const good = {
    aud: audience,
    azp: "113774264463038321964",
    email: serviceAccount,
    sub: "113774264463038321964",
    email_verified: true,
    exp: now / 1_000 + 3_600,
    iat: now / 1_000,
    iss: "https://accounts.google.com",
  };
  const google = async (algorithm?: "RS256" | "ES256") => {
    const keys = await issuer(algorithm);
    const received = await receiver(pubSubToken({ audience, serviceAccount, keysUrl: keys.keysUrl }));
    const send = async (token: string, sent = body) => (await received.send(sent, { authorization: `Bearer ${token}` })).status;
    return { keys, ...received, send };
  };

  it.each(["RS256", "ES256"] as const)("is known by its token, signed with %s, until that ends", async (algorithm) => {
    const { keys, send, told, clock } = await google(algorithm);
    const token = await keys.sign(good);
    expect([await send(token), await send(token), told.length]).toEqual([200, 200, 1]);
    await clock.advance(3_700_000);
    expect([await send(token, `${body} `), told.length]).toEqual([401, 1]);
  });

  it("is not known by a token of which anything is wrong", async () => {
    const { keys, send, told } = await google();
    const stranger = await issuer();
    const token = await keys.sign(good);
    const [head, claims, mac] = token.split(".") as [string, string, string];
    const header = (fields: object) => Buffer.from(JSON.stringify(fields)).toString("base64url");
    const bad = [
      "",
      "a.b.c",
      `${head}.${claims}.`,
      `${head}.${claims}`,
      `${token}.`,
      `${token}=`,
      `${head}.${claims}.${mac.slice(0, -4)}AAAA`,
      `${header({ alg: "none", kid: "key-1" })}.${claims}.${mac}`,
      `${header({ alg: "HS256", kid: "key-1" })}.${claims}.${mac}`,
      `${header({ alg: "RS512", kid: "key-1" })}.${claims}.${mac}`,
      `${head}.${header({ ...good, email: "other@p.iam.gserviceaccount.com" })}.${mac}`,
      await stranger.sign(good),
      await keys.sign(good, { typ: "dpop+jwt" }),
      ...(await Promise.all(
        [
          { exp: now / 1_000 - 61 },
          { exp: undefined },
          { exp: "9999999999" },
          { nbf: now / 1_000 + 61 },
          { iat: now / 1_000 + 61 },
          { iss: "https://accounts.google.com.evil.example" },
          { aud: "https://example.com/other" },
          { aud: [] },
          { email: "other@p.iam.gserviceaccount.com" },
          { email_verified: false },
          { email_verified: "true" },
        ].map((change) => keys.sign({ ...good, ...change })),
      )),
    ];
    for (const one of bad) expect(await send(one)).toBe(401);
    expect(told).toEqual([]);
  });

  it("is known by a new key without delay, while tokens of unknown keys fetch nothing for a minute", async () => {
    const { keys, send, clock } = await google();
    expect(await send(await keys.sign(good))).toBe(200);
    await clock.advance(61_000);
    await keys.rotate();
    const token = await keys.sign(good);
    expect(await send(token, `${body} `)).toBe(200);
    const before = keys.fetches();
    for (let index = 0; index < 20; index += 1) expect(await send(await keys.sign(good, { kid: `no-${index}` }))).toBe(401);
    expect(keys.fetches()).toBe(before);
  });

  it("is told to send again while its keys cannot be had, and is known by those held for a day", async () => {
    const { keys, send, clock, told } = await google();
    keys.isDown = true;
    const token = await keys.sign({ ...good, exp: now / 1_000 + 90_000 });
    expect(await send(token)).toBe(503);
    // Whoever sends forged tokens meanwhile has nothing fetched for each.
    for (let index = 0; index < 20; index += 1) expect(await send(await keys.sign(good, { kid: `no-${index}` }))).toBe(503);
    expect(keys.fetches()).toBe(1);
    keys.isDown = false;
    await clock.advance(1_000);
    expect(await send(token)).toBe(200);
    keys.isDown = true;
    await clock.advance(7_200_000);
    expect([await send(token, `${body} `), told.length]).toEqual([200, 2]);
    await clock.advance(81_000_000);
    expect(await send(token, `${body}  `)).toBe(503);
  });

  it("is known by a new key also after the wall clock went back by a day", async () => {
    const { keys, send, clock } = await google();
    clock.setWall(now + 86_400_000);
    await send(await keys.sign({ ...good, exp: now / 1_000 + 90_000 }));
    clock.setWall(now);
    await keys.rotate();
    expect(await send(await keys.sign(good))).toBe(200);
  });

  it("has keys only from an address that nobody on the way can answer for", () => {
    for (const keysUrl of ["http://example.com/keys", "http://127.0.0.1.example.com", "file:///etc/passwd", "no address"]) {
      expect(() => pubSubToken({ audience, serviceAccount, keysUrl })).toThrow(
        expect.objectContaining<Partial<SecretsError>>({ code: "invalid-argument" }),
      );
    }
  });
});

describe("the receiver", () => {
  it("answers other methods, what nobody knows, and bodies that are too large", async () => {
    const { send, url } = await receiver(signature({ key: secret(key) }));
    expect(await send("", {}, "GET")).toMatchObject({ status: 405 });
    const unknown = JSON.stringify({ what: "hunter2" });
    expect(await send(unknown, signed(key, unknown, "1", now))).toMatchObject({ status: 400, text: "" });
    const large = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(new URL(url).port), "127.0.0.1");
      socket.on("data", (data) => resolve(data.toString())).on("error", reject);
      closing.push(async () => socket.destroy());
      socket.write(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2000000\r\n\r\n${"x".repeat(1_100_000)}`);
    });
    expect(large).toMatch(/^HTTP\/1.1 413 /);
  });

  it("waits for a body no longer than ten seconds", async () => {
    const { url, clock } = await receiver(signature({ key: secret(key) }));
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    closing.push(async () => socket.destroy());
    const answer = new Promise<string>((resolve) => socket.on("data", (data) => resolve(data.toString())));
    socket.write("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nxx");
    while (clock.timers === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await clock.advance(10_001);
    expect(await answer).toMatch(/^HTTP\/1.1 408 /);
  });
});
