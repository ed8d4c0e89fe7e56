import { SecretsError } from "@keyhold/core";
import { PublishedKeys } from "./published-keys.ts";
import { type Claims, claimsOf, isTime } from "./signed-token.ts";
import { bodyId, type Delivery, type Receipt, type Sender } from "./webhook-delivery.ts";

export interface PubSubTokenOptions {
  /** The audience that the subscription is set to; without one it is the address that it pushes to. */
  readonly audience: string;
  /** The e-mail address of the service account that the subscription pushes as. */
  readonly serviceAccount: string;
  /** Where the keys are published. Default: Google's. */
  readonly keysUrl?: string;
}

export interface EventGridTokenOptions {
  /** The tenant of the application that stands for this webhook, as an id. */
  readonly tenantId: string;
  /** That application's id, or its URI such as `api://…`, as the event subscription names it. */
  readonly audience: string;
  /** Who may send: an application's id. Default: Event Grid's own; for delivery by a managed identity, the identity's. */
  readonly applicationId?: string;
  /** Where the tenant signs in. Default: `https://login.microsoftonline.com`. */
  readonly authorityHost?: string;
  /** Where the keys are published. Default: the tenant's own. */
  readonly keysUrl?: string;
}

interface TokenSender {
  readonly issuers: readonly string[];
  readonly audience: string;
  readonly keysUrl: string;
  /** Whether the token stands for the one who may send. */
  isMeant(claims: Claims): boolean;
}

/** The token is the proof until it ends. It says nothing of the delivery, so the same one is accepted once until then. */
function tokenSender({ issuers, audience, keysUrl, isMeant }: TokenSender): Sender {
  const keys = new PublishedKeys(keysUrl);
  return {
    async verify(delivery: Delivery): Promise<Receipt | undefined> {
      const [, token] = /^Bearer ([\w.-]+)$/i.exec(delivery.headers.authorization ?? "") ?? [];
      if (token === undefined) return undefined;
      const now = delivery.receivedAt;
      const claims = await claimsOf(token, { issuers, audiences: [audience], now, keyOf: (id) => keys.find(id, now) });
      if (claims === undefined || !isMeant(claims) || !isTime(claims.exp)) return undefined;
      return { id: bodyId(delivery), untilAt: claims.exp * 1_000 + 120_000 };
    },
  };
}

function checkedText(name: string, value: unknown): string {
  if (typeof value === "string" && value !== "") return value;
  throw new SecretsError("invalid-argument", `${name} must be given`, { hint: "docs/rotation.md shows where it is found." });
}

/**
 * Pub/Sub, pushing with a token of a service account.
 * https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions
 *
 * @throws SecretsError `invalid-argument` for options that make no sense.
 */
export function pubSubToken(options: PubSubTokenOptions): Sender {
  const serviceAccount = checkedText("serviceAccount", options.serviceAccount);
  return tokenSender({
    issuers: ["https://accounts.google.com", "accounts.google.com"],
    audience: checkedText("audience", options.audience),
    keysUrl: options.keysUrl ?? "https://www.googleapis.com/oauth2/v3/certs",
    isMeant: ({ email, email_verified: isVerified }) => email === serviceAccount && isVerified === true,
  });
}

/** Microsoft.EventGrid, in every tenant. */
const eventGrid = "4962773b-9cdb-44cf-a8bf-237846a00ab7";

/**
 * Event Grid, delivering to an endpoint that Microsoft Entra protects.
 * https://learn.microsoft.com/azure/event-grid/secure-webhook-delivery
 *
 * @throws SecretsError `invalid-argument` for options that make no sense.
 */
export function eventGridToken(options: EventGridTokenOptions): Sender {
  const { applicationId = eventGrid, authorityHost = "https://login.microsoftonline.com" } = options;
  const tenant = checkedText("tenantId", options.tenantId);
  const authority = `${authorityHost.replace(/\/+$/, "")}/${encodeURIComponent(tenant)}`;
  return tokenSender({
    // Tokens of both versions: which one it is lies with the application that the token is for.
    issuers: [`https://sts.windows.net/${tenant}/`, `${authority}/v2.0`],
    audience: checkedText("audience", options.audience),
    keysUrl: options.keysUrl ?? `${authority}/discovery/keys`,
    isMeant: ({ tid, appid, azp }) => tid === tenant && (appid ?? azp) === applicationId,
  });
}
