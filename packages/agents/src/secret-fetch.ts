import type { LookupFunction } from "node:net";
import { formatReference, parseReference, type Secrets, SecretsError } from "@keyhold/core";
import { type Connections, openConnections } from "./connections.ts";
import { type Egress, egressCall, type Scope } from "./egress-call.ts";
import type { EgressEvent } from "./egress-event.ts";
import type { EgressRule } from "./egress-rule.ts";
import { createGrantState, type Grant, type GrantOptions, type GrantState } from "./grant.ts";
import type { FetchInput } from "./outgoing.ts";
import { createPlaceholders, type PlaceholderOptions } from "./placeholders.ts";
import { ruleBook, unlistedPolicy } from "./rule-book.ts";
import { createUsedValues, type UsedValues } from "./used-values.ts";

export interface SecretFetchOptions {
  readonly secrets: Secrets;
  /** Where each reference's value may go, and thereby which hosts are talked to at all. */
  readonly allow: readonly EgressRule[];
  /** What becomes of requests without a secret to hosts without a rule: `send` sends them to public addresses. Default: `refuse`. */
  readonly unlisted?: "refuse" | "send";
  /** Called after each use. What it throws is dropped. */
  readonly onEvent?: (event: EgressEvent) => void;
  /** How long a call may take, its answer's body included, in milliseconds. Default: 600,000. */
  readonly deadlineMs?: number;
  /** How large an answer may be once it is decompressed, in bytes. Default: 64 MiB. */
  readonly maxResponseBytes?: number;
  /** How large a request's body may be, in bytes. It is held as a whole. Default: 32 MiB. */
  readonly maxRequestBytes?: number;
  /** The authorities to trust instead of the well-known ones, as PEM. */
  readonly ca?: string | Uint8Array | readonly (string | Uint8Array)[];
  /** Looks up names, like `dns.lookup`. Whatever it gives is checked. */
  readonly lookup?: LookupFunction;
}

/** A `fetch` that puts values in for their placeholders. */
export interface GrantedFetch {
  /**
   * Like `fetch`. Rejects with a `SecretsError`: `permission-denied` for what no rule allows, `invalid-argument` for a request that
   * cannot be sent so, the backend's own codes, `unavailable`, `timeout`; and with the signal's reason where the caller ended it.
   */
  (input: FetchInput, init?: RequestInit): Promise<Response>;
  /**
   * What stands for a secret wherever a value would stand: in a tool's configuration, a prompt, an SDK's `apiKey`. It names no
   * reference, and means nothing anywhere but here.
   *
   * @throws SecretsError `permission-denied` for a reference that no rule names, or that is not granted.
   */
  placeholder(reference: string, options?: PlaceholderOptions): string;
}

export interface SecretFetch extends GrantedFetch {
  /**
   * A fetch for one run, agent or tool, with placeholders of its own, that may use some of the references, a number of times, until a
   * time, or until it is revoked.
   *
   * @throws SecretsError `permission-denied` for a reference that no rule names, `invalid-argument` for limits that are none.
   */
  grant(options: GrantOptions): Grant;
  /** Ends the connections, and with them what is under way. Later calls reject with `closed`. */
  close(): Promise<void>;
}

const limits = { deadlineMs: 2 ** 31 - 1, maxResponseBytes: Number.MAX_SAFE_INTEGER, maxRequestBytes: 2 ** 31 - 1 };

function limit(name: keyof typeof limits, value: number): number {
  if (typeof value === "number" && value >= 1 && value <= limits[name]) return value;
  throw new SecretsError("invalid-argument", `${name} must be a number from 1 to ${limits[name]}`);
}

/** The reference as it is compared, if it is one of these. */
function known(reference: string, references: ReadonlySet<string>): string {
  const text = formatReference(parseReference(reference));
  if (references.has(text)) return text;
  throw new SecretsError("permission-denied", "no rule of allow names this reference, or it is not granted", {
    reference: text,
    hint: "Add a rule that says where its value may go.",
  });
}

function grantedFetch(egress: Egress, references: ReadonlySet<string>, grant: GrantState | undefined): GrantedFetch {
  const scope: Scope = { placeholders: createPlaceholders(), grant };
  const fetch = (input: FetchInput, init?: RequestInit) => egressCall(egress, scope, input, init);
  const placeholder: GrantedFetch["placeholder"] = (reference, options) =>
    scope.placeholders.create(known(reference, references), options);
  return Object.assign(fetch, { placeholder });
}

/**
 * Makes a `fetch` for an agent's tools and models: they hold placeholders, and the value goes into the request on its way out, for the
 * host and the place that a rule names alone. Answers come back without it. `docs/agents.md` says what that stops, and
 * `docs/threat-model.md` what it cannot.
 *
 * It opens nothing until it is called, and uses no proxy. Give it, or grants of it, to the agent; keep `secrets` to yourself.
 *
 * @throws SecretsError `invalid-argument` for a rule that is incomplete, or rules that contradict each other.
 * @example
 * const fetch = secretFetch({
 *   secrets,
 *   allow: [{ reference: "aws://prod/openai#apiKey", host: "api.openai.com", header: "authorization" }],
 * });
 * const model = new ChatOpenAI({ apiKey: fetch.placeholder("aws://prod/openai#apiKey"), configuration: { fetch } });
 */
export function secretFetch(options: SecretFetchOptions): SecretFetch {
  return openSecretFetch(options, createUsedValues());
}

/** A `secretFetch` that cleans answers of what others used too. */
export function openSecretFetch(options: SecretFetchOptions, used: UsedValues): SecretFetch {
  const { secrets, allow, unlisted = "refuse", onEvent, ca, lookup } = options;
  const book = ruleBook(allow);
  const references: ReadonlySet<string> = new Set(book.rules.map((rule) => rule.reference));
  if (unlisted !== "refuse" && unlisted !== "send") {
    throw new SecretsError("invalid-argument", "unlisted is neither refuse nor send");
  }
  const other = unlisted === "send" ? unlistedPolicy() : undefined;
  let connections: Promise<Connections> | undefined;
  let isClosed = false;
  const egress: Egress = {
    secrets,
    book,
    unlisted: other,
    used,
    deadlineMs: limit("deadlineMs", options.deadlineMs ?? 600_000),
    maxResponseBytes: limit("maxResponseBytes", options.maxResponseBytes ?? 64 * 1024 * 1024),
    maxRequestBytes: limit("maxRequestBytes", options.maxRequestBytes ?? 32 * 1024 * 1024),
    async connections() {
      if (isClosed) throw new SecretsError("closed", "this fetch was closed");
      const addressesOf = (origin: string) => (book.policies.get(origin) ?? other)?.addresses;
      connections ??= openConnections({ addressesOf, ...(ca && { ca }), ...(lookup && { lookup }) });
      return connections;
    },
    onEvent(event) {
      try {
        onEvent?.(Object.freeze(event));
      } catch {
        // What a listener does is not the call's concern.
      }
    },
  };
  const members: Omit<SecretFetch, keyof GrantedFetch> = {
    grant({ references: granted, ...limits }) {
      if (!Array.isArray(granted)) throw new SecretsError("invalid-argument", "a grant names its references in a list");
      const state = createGrantState(limits);
      const fetch = grantedFetch(egress, new Set(granted.map((reference) => known(reference, references))), state);
      return Object.freeze({
        fetch: Object.freeze(fetch),
        get usesLeft() {
          return state.usesLeft;
        },
        revoke: state.revoke,
        [Symbol.dispose]: state.revoke,
      });
    },
    async close() {
      isClosed = true;
      await (await connections)?.agent.destroy();
    },
  };
  return Object.freeze(Object.assign(grantedFetch(egress, references, undefined), members));
}
