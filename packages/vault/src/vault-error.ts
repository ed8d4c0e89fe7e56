import { type Clock, type ErrorCode, SecretsError } from "@keyhold/core";
import { retryAfterMs } from "@keyhold/http";
import type { VaultAnswer } from "./transport.ts";

interface Told {
  readonly code: ErrorCode;
  readonly what: string;
  readonly hint?: string;
  readonly retryable?: boolean;
}

/**
 * By status, https://developer.hashicorp.com/vault/api-docs#http-status-codes; from 472 on also those of `sys/health`.
 */
const byStatus: Readonly<Record<number, Told>> = {
  400: {
    code: "invalid-argument",
    what: "it refuses the request",
    hint: "Check the path and what is sent: Vault's audit log says what is wrong.",
  },
  401: { code: "unauthenticated", what: "it refuses the credential", hint: "Check the provider's auth option." },
  403: {
    code: "permission-denied",
    what: "the token's policies do not allow this",
    hint: "In a policy, KV version 2 has its values under MOUNT/data/…, and its versions, lists and labels under MOUNT/metadata/….",
  },
  404: { code: "not-found", what: "there is nothing at this path" },
  405: {
    code: "unsupported",
    what: "this path cannot be used like that",
    hint: "A path that is to be written to answer, such as pki/issue/ROLE, is named in the option parameters.",
  },
  412: { code: "unavailable", what: "this node has not caught up with the cluster yet" },
  413: {
    code: "invalid-argument",
    what: "the value is too large",
    hint: "Vault's storage takes 1 MiB, unless configured otherwise.",
  },
  429: { code: "rate-limited", what: "a rate limit is used up", hint: "Raise the cache's time to live, or the quota." },
  472: { code: "unavailable", what: "it is a disaster recovery secondary", hint: "Use the address of the active cluster." },
  473: { code: "unavailable", what: "it is a performance standby that cannot do this" },
  474: { code: "unavailable", what: "it is a standby that cannot reach the active node" },
  501: {
    code: "unavailable",
    what: "it is not initialised",
    hint: "Initialise it once: vault operator init.",
    retryable: false,
  },
  503: { code: "unavailable", what: "it is sealed or down for maintenance", hint: "If it is sealed: vault operator unseal." },
  530: { code: "unavailable", what: "the node is removed from its cluster" },
};

/** Facts that only the error's text tells. It is compared with these and goes nowhere: it may hold what was sent. */
const byText: readonly (readonly [status: number, text: RegExp, told: Told])[] = [
  [
    400,
    /check-and-set parameter did not match/,
    {
      code: "conflict",
      what: "the secret has another current version by now, or none",
      hint: "Read it again, and write with the version that it has then.",
    },
  ],
  [400, /lease (?:not found|expired)|invalid lease/i, { code: "not-found", what: "there is no such lease any more" }],
  [400, /lease is not renewable/, { code: "unsupported", what: "this lease cannot be renewed", hint: "Read the value again." }],
  [
    400,
    /wrapping token is not valid/,
    {
      code: "not-found",
      what: "there is nothing wrapped under this token",
      hint: "It was unwrapped already or has expired. If nobody of yours unwrapped it, treat what was in it as stolen.",
    },
  ],
  [
    403,
    /invalid token|bad token/,
    { code: "unauthenticated", what: "the token is not valid any more", hint: "Check the provider's auth option." },
  ],
  [
    404,
    /namespace not found/,
    { code: "invalid-argument", what: "there is no such namespace", hint: "Check the provider's option namespace." },
  ],
  [
    500,
    /value being too large/,
    {
      code: "invalid-argument",
      what: "the value is too large",
      hint: "The storage's max_entry_size limits it: by default 1 MiB.",
    },
  ],
];

/** What Vault says is wrong, for comparing only. */
export function errorText({ body }: VaultAnswer): string {
  const errors = body?.errors;
  return Array.isArray(errors) ? errors.filter((line) => typeof line === "string").join("\n") : "";
}

function toldBy(answer: VaultAnswer): Told {
  const text = errorText(answer);
  const known = byText.find(([status, pattern]) => status === answer.status && pattern.test(text));
  if (known !== undefined) return known[2];
  const { status } = answer;
  return (
    byStatus[status] ?? {
      code: status >= 500 ? "unavailable" : "unknown",
      what: "it answered in an unexpected way",
      hint: "Vault's log, or that of a proxy on the way, says more.",
    }
  );
}

/** The one table from Vault's answers to codes. */
export function vaultError(answer: VaultAnswer, clock: Clock): SecretsError {
  const { code, what, hint, retryable } = toldBy(answer);
  return new SecretsError(code, `Vault: ${what} (status ${answer.status})`, {
    provider: "vault",
    hint,
    retryable,
    retryAfterMs: retryAfterMs(answer.header("retry-after"), clock),
  });
}

/** An answer that is JSON and not what Vault's API promises. */
export const unexpectedAnswer = (what: string): SecretsError =>
  new SecretsError("decode", `Vault: the answer has no ${what}`, {
    provider: "vault",
    hint: "Something else than Vault may answer at this address.",
  });
