import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import { createSecrets } from "@keyhold/core";
import {
  hmac,
  type JwksOptions,
  jwks,
  type KeyPairOptions,
  keyPair,
  publicJwks,
  signHmac,
  signingKey,
  verifyHmac,
} from "@keyhold/rotation";
import { memory } from "@keyhold/testing";
import { createLocalJWKSet, importJWK, jwtVerify, SignJWT } from "jose";
import { describe, expect, it } from "vitest";

const open = (first: string) => {
  const secrets = createSecrets({ providers: { memory: memory({ secrets: { keys: first } }) } });
  return { secrets, get: () => secrets.get("memory://keys") };
};

describe("keyPair", () => {
  it.each([
    ["Ed25519", {}],
    ["P-384", { type: "ec", curve: "P-384" }],
    ["RSA", { type: "rsa", bits: 2048 }],
  ] as [string, KeyPairOptions][])(
    "makes a pair of %s whose signature verifies, also by who has the next pair already",
    async (_name, options) => {
      const { secrets, get } = open("none yet");
      await secrets.rotate("memory://keys", keyPair(options));
      const first = (await get()).json() as Record<string, string>;
      expect(first).not.toHaveProperty("previousPublicKey");
      const body = Buffer.from("a body");
      const hash = options.type === undefined ? null : "sha256";
      const signature = sign(hash, body, createPrivateKey(first.privateKey as string));
      await secrets.rotate("memory://keys", keyPair(options));
      const second = (await get()).json() as Record<string, string>;
      expect(second.keyId).not.toBe(first.keyId);
      expect(second.previousPublicKey).toBe(first.publicKey);
      expect(verify(hash, body, createPublicKey(second.previousPublicKey as string), signature)).toBe(true);
      expect(verify(hash, body, createPublicKey(second.publicKey as string), signature)).toBe(false);
      await secrets.close();
    },
  );

  it("refuses weak and unknown keys", () => {
    for (const options of [{ type: "rsa", bits: 1024 }, { type: "dsa" }, { type: "ec", curve: "P-192" }])
      expect(() => keyPair(options as KeyPairOptions)).toThrow(expect.objectContaining({ code: "invalid-argument" }));
  });
});

describe("jwks", () => {
  it.each([
    ["Ed25519", {}],
    ["P-256", { type: "ec" }],
    ["RSA", { type: "rsa", bits: 2048 }],
  ] as [string, JwksOptions][])(
    "signs by %s with a key that was published one rotation before, and verifies what the last one signed",
    async (_name, options) => {
      const { secrets, get } = open("none yet");
      await secrets.rotate("memory://keys", jwks(options));
      for (let turn = 0; turn < 3; turn++) {
        const old = await get();
        const published = createLocalJWKSet(publicJwks(old) as never);
        const token = async () => {
          const key = signingKey(await get());
          return new SignJWT({ turn }).setProtectedHeader({ alg: key.alg, kid: key.kid }).sign(await importJWK(key as never));
        };
        const before = await token();
        await secrets.rotate("memory://keys", jwks(options));
        const after = await token();
        const newest = createLocalJWKSet(publicJwks(await get()) as never);
        // By a copy of the set from before the rotation, and by the one from after it.
        for (const set of [published, newest]) for (const one of [before, after]) await jwtVerify(one, set);
      }
      const keys = publicJwks(await get()).keys;
      expect(keys).toHaveLength(3);
      for (const key of keys) for (const secret of ["d", "p", "q", "dp", "dq", "qi"]) expect(key).not.toHaveProperty(secret);
      await secrets.close();
    },
  );
});

describe("hmac", () => {
  it("takes what the current and the previous key have signed, and nothing else", async () => {
    const { secrets, get } = open("a plain old secret");
    await secrets.rotate("memory://keys", hmac());
    const signatures: string[] = [];
    for (let turn = 0; turn < 3; turn++) {
      signatures.push(signHmac(await get(), "body"));
      const now = await get();
      expect(signatures.map((one) => verifyHmac(now, "body", one))).toEqual(signatures.map((_, index) => index >= turn - 1));
      expect(verifyHmac(now, "another body", signatures.at(-1) as string)).toBe(false);
      await secrets.rotate("memory://keys", hmac());
    }
    for (const wrong of ["", "zz", "ab".repeat(31), "ab".repeat(32)]) expect(verifyHmac(await get(), "body", wrong)).toBe(false);
    await secrets.close();
  });

  it("takes what a plain text from before has signed", async () => {
    const { secrets, get } = open("a plain old secret");
    const { createHmac } = process.getBuiltinModule("node:crypto");
    const old = createHmac("sha256", "a plain old secret").update("body").digest("hex");
    await secrets.rotate("memory://keys", hmac());
    expect(verifyHmac(await get(), "body", old)).toBe(true);
    await secrets.close();
  });
});
