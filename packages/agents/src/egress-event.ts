import type { SecretsError } from "@keyhold/core";

/** Who asks for a use, as the grant says. */
export interface GrantHolder {
  readonly run?: string;
  readonly agent?: string;
  readonly tool?: string;
}

/** One use of a secret, before it happens. */
export interface EgressUse extends GrantHolder {
  readonly reference: string;
  readonly host: string;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
}

/**
 * What became of one use, for logs and audits. Never a value. `answered`: the host answered, with `status`. `refused`: nothing was
 * sent. `failed`: something may have been sent, and no answer came. `revoked`: its grant was revoked while it was under way.
 */
export interface EgressEvent extends EgressUse {
  readonly type: "use";
  readonly outcome: "answered" | "refused" | "failed" | "revoked";
  readonly status?: number;
  readonly error?: SecretsError;
}
