import { SecretsError } from "@keyhold/core";
import type { PublishedKey } from "./signed-token.ts";

const freshMs = { least: 300_000, usual: 3_600_000, most: 86_400_000 };
/** A token may name a key that was published since; one that names no key at all must not have them fetched again and again. */
const pauseMs = 60_000;
/** Without any key no delivery can be accepted: they are asked for sooner, and not for each of a thousand forged ones. */
const emptyPauseMs = 1_000;
const timeoutMs = 5_000;
const mostBytes = 262_144;
const mostKeys = 200;

/** The keys that a sender publishes as a JWK set (RFC 7517), fetched when one is needed and held as long as its answer says. */
export class PublishedKeys {
  readonly #url: string;
  #keys: ReadonlyMap<string, PublishedKey> = new Map();
  #freshUntil = Number.NEGATIVE_INFINITY;
  #usableUntil = Number.NEGATIVE_INFINITY;
  #askedAt = Number.NEGATIVE_INFINITY;
  #isDown = false;
  #asking: Promise<void> | undefined;

  /** @throws SecretsError `invalid-argument` for an address that anybody on the way could answer for. */
  constructor(url: string) {
    const { protocol, hostname } = URL.parse(url) ?? {};
    const isLoopback = hostname === "127.0.0.1" || hostname === "[::1]" || hostname === "localhost";
    if (protocol !== "https:" && !(protocol === "http:" && isLoopback)) {
      throw new SecretsError("invalid-argument", "keysUrl must be an https address", {
        hint: "Leave it out for the sender's own.",
      });
    }
    this.#url = url;
  }

  /** @throws SecretsError `unavailable` when the keys cannot be had. */
  async find(id: string, now: number): Promise<PublishedKey | undefined> {
    const isWanted = this.#keys.has(id) ? now >= this.#freshUntil : true;
    // A wall clock may go back, too.
    const isRested = Math.abs(now - this.#askedAt) >= (this.#keys.size === 0 ? emptyPauseMs : pauseMs);
    if (isWanted && (isRested || this.#asking !== undefined)) {
      this.#asking ??= this.#ask(now).finally(() => {
        this.#asking = undefined;
      });
      await this.#asking;
    }
    if (this.#isDown && (now >= this.#usableUntil || !this.#keys.has(id))) {
      throw new SecretsError("unavailable", "the keys of the sender of events cannot be fetched", { retryable: true });
    }
    return this.#keys.get(id);
  }

  /** Never rejects. */
  async #ask(now: number): Promise<void> {
    this.#askedAt = now;
    this.#isDown = await this.#fetch(now).then(
      () => false,
      () => true,
    );
  }

  async #fetch(now: number): Promise<void> {
    const response = await fetch(this.#url, { redirect: "error", signal: AbortSignal.timeout(timeoutMs) });
    if (response.status !== 200 || response.body === null) throw new Error("no keys");
    const { keys } = JSON.parse(await limitedText(response.body)) as { readonly keys?: unknown };
    if (!Array.isArray(keys) || keys.length > mostKeys) throw new Error("no keys");
    const named = keys.filter((key): key is PublishedKey & { kid: string } => typeof key?.kid === "string");
    const [, seconds] = /(?:^|[\s,])max-age=(\d{1,9})/.exec(response.headers.get("cache-control") ?? "") ?? [];
    const ownMs = seconds === undefined ? freshMs.usual : Number(seconds) * 1_000;
    this.#keys = new Map(named.map((key) => [key.kid, key]));
    this.#freshUntil = now + Math.min(freshMs.most, Math.max(freshMs.least, ownMs));
    this.#usableUntil = now + freshMs.most;
  }
}

async function limitedText(body: ReadableStream<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > mostBytes) throw new Error("too long");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
