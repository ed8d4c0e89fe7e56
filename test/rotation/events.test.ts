import { randomBytes } from "node:crypto";
import { aws } from "@keyhold/aws";
import { azure } from "@keyhold/azure";
import { createSecrets, type Provider, secret } from "@keyhold/core";
import { eventGridToken, pubSubToken, type Sender, sharedKey, signature, webhook } from "@keyhold/core/webhook";
import { gcp } from "@keyhold/gcp";
import { memory } from "@keyhold/testing";
import fc from "fast-check";
import { expect, it } from "vitest";
import { type Issuer, listen, signed, startIssuer } from "../../packages/core/test/sending.ts";
import { writeFigure } from "./figures.ts";

const attempts = 10_000;
const key = randomBytes(32);
const textKey = randomBytes(32).toString("base64");
const tenantId = "3e1ab2b4-0c52-4f9a-9d51-5d1c9a1f2b3c";
const audience = "https://example.com/hook";
const serviceAccount = "push@p.iam.gserviceaccount.com";
const seconds = () => Math.floor(Date.now() / 1_000);

/** Events that each vendor would send, about a secret that is followed. */
const events = {
  plain: () => ({ reference: "aws://db", time: new Date().toISOString() }),
  eventBridge: () => ({
    ...{ version: "0", "detail-type": "AWS API Call via CloudTrail", source: "aws.secretsmanager", region: "eu-west-1" },
    time: new Date().toISOString(),
    detail: {
      ...{ eventSource: "secretsmanager.amazonaws.com", eventName: "PutSecretValue" },
      responseElements: { arn: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-a1B2c3" },
    },
  }),
  eventGrid: () => [
    {
      ...{ id: "1", topic: "/t", subject: "db", eventType: "Microsoft.KeyVault.SecretNewVersionCreated" },
      eventTime: new Date().toISOString(),
      data: { Id: "https://sample-kv.vault.azure.net/secrets/db/ee059b2bb5bc48398a53b168c6cdcb10", VaultName: "sample-kv" },
    },
  ],
  pubSub: () => ({
    message: {
      attributes: { eventType: "SECRET_VERSION_ADD", secretId: "projects/123456789012/secrets/db", dataFormat: "JSON_API_V1" },
      ...{ messageId: "1", publishTime: new Date().toISOString() },
    },
    subscription: "projects/my-project/subscriptions/s",
    time: new Date().toISOString(),
  }),
};
type Form = keyof typeof events;
const forms = Object.keys(events) as Form[];

/** A client that has the secret of each vendor open, and how often one of them was read since. */
async function client() {
  const reads = { count: 0 };
  const backend = (vendor: Provider): Provider => {
    const { watch: _none, ...inner } = memory({ secrets: { db: "1" } });
    const read: Provider["read"] = (...call) => {
      reads.count += 1;
      return inner.read(...call);
    };
    return { ...inner, read, changedPaths: vendor.changedPaths!.bind(vendor) };
  };
  const providers = {
    aws: backend(aws({ region: "eu-west-1" })),
    azure: backend(azure({ vaultName: "sample-kv", credential: { getToken: async () => null } })),
    gcp: backend(gcp({ projectId: "my-project" })),
  };
  const secrets = createSecrets({ providers });
  for (const reference of ["aws://db", "azure://db", "gcp://db"] as const) await secrets.handle(reference);
  reads.count = 0;
  return { secrets, reads };
}

/** One receiver, and how often it had the client do anything. */
async function receiver(sender: Sender) {
  const { secrets, reads } = await client();
  let accepted = 0;
  const notify = async (event: unknown) => {
    const notified = await secrets.notify(event);
    if (notified.references.length > 0) accepted += 1;
    return notified;
  };
  const server = await listen(webhook({ secrets: { notify }, sender }));
  return {
    reads,
    accepted: () => accepted,
    async send({ headers, body, query = "" }: Sent): Promise<number> {
      const response = await fetch(`${server.url}/${query}`, { method: "POST", headers, body });
      await response.arrayBuffer();
      return response.status;
    },
    async close() {
      await server.close();
      await secrets.close();
    },
  };
}

interface Sent {
  readonly headers: Record<string, string>;
  readonly body: string;
  readonly query?: string;
}

/** How each kind of sender proves itself. */
async function kinds(google: Issuer, entra: Issuer) {
  const googleClaims = { iss: "https://accounts.google.com", aud: audience, email: serviceAccount, email_verified: true };
  const entraClaims = {
    ...{ iss: `https://sts.windows.net/${tenantId}/`, aud: audience, tid: tenantId },
    appid: "4962773b-9cdb-44cf-a8bf-237846a00ab7",
  };
  const bearer = (issuer: Issuer, claims: object) => async (body: string, change: object) => ({
    body,
    headers: { authorization: `Bearer ${await issuer.sign({ ...claims, iat: seconds(), exp: seconds() + 3_600, ...change })}` },
  });
  return {
    signature: {
      sender: signature({ key: secret(key) }),
      prove: async (body: string): Promise<Sent> => ({
        body,
        headers: signed(key, body, randomBytes(9).toString("hex"), Date.now()),
      }),
    },
    sharedKey: {
      sender: sharedKey({ key: secret(textKey), header: "x-api-key" }),
      prove: async (body: string): Promise<Sent> => ({ body, headers: { "x-api-key": textKey } }),
    },
    pubSub: {
      sender: pubSubToken({ audience, serviceAccount, keysUrl: google.keysUrl }),
      prove: bearer(google, googleClaims) as (body: string, change: object) => Promise<Sent>,
    },
    eventGrid: {
      sender: eventGridToken({ tenantId, audience, keysUrl: entra.keysUrl }),
      prove: bearer(entra, entraClaims) as (body: string, change: object) => Promise<Sent>,
    },
  };
}
type Kind = keyof Awaited<ReturnType<typeof kinds>>;

const headerNames = ["authorization", "x-api-key", "webhook-id", "webhook-timestamp", "webhook-signature"];
const printable = fc.string({
  maxLength: 60,
  unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
});

const badClaims = fc.constantFrom(
  { exp: 1 },
  { exp: null },
  { iss: "https://evil.example" },
  { aud: "https://evil.example" },
  { email: "evil@example.com", appid: "evil" },
  { email_verified: "true", tid: "evil" },
  { nbf: 9_999_999_999 },
);

/** A way to be told what is not so. */
const attack = fc.oneof(
  // No proof, or one made up.
  fc.record({ what: fc.constant("unproven" as const), headers: fc.dictionary(fc.constantFrom(...headerNames), printable) }),
  // The proof of somebody else, or of something else.
  fc.record({ what: fc.constant("stranger" as const), seed: fc.integer() }),
  fc.record({ what: fc.constant("claims" as const), claims: badClaims }),
  // A proof that was good, with a character of it changed.
  fc.record({
    what: fc.constant("damaged" as const),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    by: fc.integer({ min: 1, max: 60 }),
  }),
  // What was accepted, once more.
  fc.record({ what: fc.constant("replayed" as const), which: fc.nat() }),
  // A good proof of what is no event.
  fc.record({ what: fc.constant("malformed" as const), body: fc.oneof(fc.json(), fc.string(), fc.constant("")) }),
  fc.record({ what: fc.constant("cut" as const), at: fc.double({ min: 0, max: 0.99, noNaN: true }) }),
);
type Attack = typeof attack extends fc.Arbitrary<infer T> ? T : never;

it(`takes none of ${attempts.toLocaleString("en")} forged, replayed and malformed deliveries, and crashes at none`, async () => {
  const crashes: unknown[] = [];
  const crash = (error: unknown) => void crashes.push(error);
  process.on("unhandledRejection", crash).on("uncaughtException", crash);
  const [google, entra, stranger] = await Promise.all([startIssuer(), startIssuer("ES256"), startIssuer()]);
  const senders = await kinds(google, entra);
  const names = Object.keys(senders) as Kind[];
  const receivers = Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await receiver(senders[name].sender)] as const)),
  ) as Record<Kind, Awaited<ReturnType<typeof receiver>>>;
  // The same without verification.
  let serial = 0;
  const trusting = await receiver({ verify: async () => ({ id: String(serial++), untilAt: 0 }) });

  // Deliveries as they should be are taken, each once; an attacker has seen them all.
  const captured: Record<Kind, Sent[]> = { signature: [], sharedKey: [], pubSub: [], eventGrid: [] };
  for (const name of names) {
    for (const form of forms) {
      const sent = await senders[name].prove(JSON.stringify(events[form]()), {});
      expect(await receivers[name].send(sent)).toBe(200);
      captured[name].push(sent);
    }
    expect([name, receivers[name].accepted(), receivers[name].reads.count]).toEqual([name, forms.length, forms.length]);
  }

  const damaged = (text: string, at: number, by: number): string => {
    // The word before a token may be written in any case.
    if (text.startsWith("Bearer ")) return `Bearer ${damaged(text.slice(7), at, by)}`;
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const index = Math.min(text.length - 1, Math.floor(at * text.length));
    const place = alphabet.indexOf(text[index] as string);
    return `${text.slice(0, index)}${alphabet[(place + by) % alphabet.length]}${text.slice(index + 1)}`;
  };
  const build = async (name: Kind, form: Form, how: Attack): Promise<Sent> => {
    const body = JSON.stringify(events[form]());
    const { prove } = senders[name];
    switch (how.what) {
      case "unproven":
        return { body, headers: how.headers };
      case "stranger": {
        const token = await stranger.sign({ iss: "https://accounts.google.com", aud: audience, exp: seconds() + 60 });
        const others: Record<Kind, Record<string, string>> = {
          signature: signed(randomBytes(32), body, `stranger-${how.seed}`, Date.now()),
          sharedKey: { "x-api-key": randomBytes(32).toString("base64") },
          pubSub: { authorization: `Bearer ${token}` },
          eventGrid: { authorization: `Bearer ${token}` },
        };
        return { body, headers: others[name] };
      }
      case "claims":
        // Where nothing is claimed, the time is what can be wrong.
        if (name === "signature")
          return { body, headers: signed(key, body, randomBytes(9).toString("hex"), Date.now() - 400_000) };
        if (name === "sharedKey") return prove(JSON.stringify({ ...events.plain(), time: "2020-01-01T00:00:00Z" }), {});
        return prove(body, how.claims);
      case "damaged": {
        const { headers } = await prove(body, {});
        const proof = {
          signature: "webhook-signature",
          sharedKey: "x-api-key",
          pubSub: "authorization",
          eventGrid: "authorization",
        }[name];
        return { body, headers: { ...headers, [proof]: damaged(headers[proof] as string, how.at, how.by) } };
      }
      case "replayed":
        return captured[name][how.which % forms.length] as Sent;
      case "malformed":
        return prove(how.body, {});
      case "cut":
        return prove(body.slice(0, Math.floor(how.at * body.length)), {});
    }
  };

  const plan = fc.sample(fc.tuple(fc.constantFrom(...names), fc.constantFrom(...forms), attack), {
    numRuns: attempts,
    ...(process.env.KEYHOLD_SEED === undefined ? {} : { seed: Number(process.env.KEYHOLD_SEED) }),
  });
  const statuses = new Map<number, number>();
  const accepted = () => names.reduce((sum, name) => sum + receivers[name].accepted(), 0);
  const before = accepted();
  let next = 0;
  const work = async () => {
    for (let one = plan[next++]; one !== undefined; one = plan[next++]) {
      const [name, form, how] = one;
      const sent = await build(name, form, how);
      const status = await receivers[name].send(sent);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      const told = receivers[name].accepted() - forms.length;
      if (told > 0) throw new Error(`accepted by ${name}: ${JSON.stringify(how)} ${form}`);
      await trusting.send(sent);
    }
  };
  await Promise.all(Array.from({ length: 16 }, work));
  const taken = accepted() - before;
  const reads = names.reduce((sum, name) => sum + receivers[name].reads.count - forms.length, 0);
  const answers = [...statuses].sort(([a], [b]) => a - b).map(([status, count]) => `${count} × ${status}`);
  console.log(
    `events: ${attempts} attempts, ${taken} accepted, ${reads} reads, ${crashes.length} crashes (${answers.join(", ")}); ` +
      `without verification ${trusting.accepted()} accepted`,
  );
  expect([taken, reads, crashes]).toEqual([0, 0, []]);
  // 200 is the answer to what was taken before.
  expect([...statuses.keys()].every((status) => [200, 400, 401].includes(status))).toBe(true);
  expect(trusting.accepted()).toBeGreaterThan(attempts / 4);
  writeFigure("events", {
    figure: `${taken} accepted of ${attempts.toLocaleString("en")}, ${crashes.length} crashes`,
    control: `verification off: ${trusting.accepted().toLocaleString("en")} accepted`,
  });
  process.off("unhandledRejection", crash).off("uncaughtException", crash);
  await Promise.all([...Object.values(receivers), trusting, google, entra, stranger].map((one) => one.close()));
});
