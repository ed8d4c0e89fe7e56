import { type CallContext, type ErrorCode, SecretsError } from "@keyhold/core";
import { type HttpResponse, httpError } from "@keyhold/http";

/** What the provider asks of Conjur. One status means different things for different ones. */
export type Operation = "sign-in" | "whoami" | "read" | "list" | "write" | "load-policy" | "rotate-api-key";

interface Meaning {
  readonly codes?: Readonly<Record<number, ErrorCode>>;
  readonly hints: Readonly<Record<number, string>>;
}

/**
 * Statuses that mean something else than usual, and what to do about each.
 * https://github.com/cyberark/conjur/blob/master/app/controllers/application_controller.rb
 */
const meanings: Readonly<Record<Operation, Meaning>> = {
  "sign-in": {
    // Nothing here says anything about a secret: a wrong address must not look like one that is not there.
    codes: { 400: "unauthenticated", 404: "unauthenticated", 405: "unauthenticated", 422: "unauthenticated" },
    hints: {
      400: "The authenticator got no token that it can read: check what the token function gives.",
      401: "Check the account, the login and its credential, and that the authenticator is enabled. Conjur's log tells why; its answer does not.",
      403: "Grant the host `authenticate` on the authenticator's webservice, usually by its group of apps, and check its IP restrictions.",
      404: "Check the url, the account and the authenticator's service id.",
    },
  },
  whoami: { hints: {} },
  read: {
    hints: {
      403: "Permit this host `execute` on the variable.",
      404: "Check the id, its policy's included. A variable without a value, or one that this host may not see, looks the same.",
    },
  },
  list: { hints: {} },
  write: {
    hints: {
      403: "Permit this host `update` on the variable.",
      404: "A policy declares a variable before it holds a value: load `- !variable NAME` into its policy, and permit this host `update`.",
      405: "A dynamic secret is made by Conjur, and cannot be written.",
      422: "Conjur takes no empty or blank value.",
    },
  },
  "load-policy": {
    hints: {
      403: "Permit this role `create` on the policy for load, `update` for update and replace.",
      404: "There is no such policy, or this role may not see it. The first one is root.",
      409: "Another policy was being loaded: try again.",
      422: "The policy names what is not there, deletes where only update and replace may, or is no policy. Conjur's log names the statement.",
    },
  },
  "rotate-api-key": {
    codes: { 405: "invalid-argument" },
    hints: {
      401: "One's own key is rotated by the key itself, so with apiKeyAuth and without a role; another's by an access token.",
      403: "Permit this role `update` on the one whose key is rotated.",
      404: "There is no such role, or this one may not see it. A role is written host:app/web.",
      405: "Only hosts and users have API keys.",
    },
  },
};

const usual: Meaning = {
  codes: { 414: "invalid-argument" },
  hints: {
    401: "Conjur refuses new access tokens too: check that the host still exists, and the clocks of Conjur's servers.",
    403: "Conjur knows who asks, and no policy allows this.",
    414: "The id is too long.",
  },
};

/** A success that is not what Conjur answers: a proxy's page, or another server's. Nothing of it is repeated. */
export const notConjur = (what: string): SecretsError =>
  new SecretsError("decode", what, { provider: "conjur", hint: "A proxy or another server may answer at the configured url." });

/** The one table from Conjur's answers to codes. Nothing of a body goes into the error: it may repeat what was sent. */
export function conjurError(operation: Operation, response: HttpResponse, { clock }: CallContext): SecretsError {
  const { codes, hints } = meanings[operation];
  const { status } = response;
  const hint = hints[status] ?? usual.hints[status];
  const error = httpError(response, {
    provider: "conjur",
    clock,
    codes: { ...usual.codes, ...codes },
    ...(hint === undefined ? {} : { hint }),
  });
  // Two loads at once: the one that lost is right the next time.
  return status === 409 ? new SecretsError(error.code, error.message, { ...error, retryable: true }) : error;
}
