/**
 * Where the value of one reference may go. A request gets it only where scheme, host, port, path, method and place all fit; exactly
 * one of `header`, `query` and `aws` names the place.
 */
export interface EgressRule {
  readonly reference: string;
  /** The one host, as it stands in URLs: `api.openai.com`. No wildcard, no port. An IP address only with `addresses`. */
  readonly host: string;
  /** `http` is for loopback alone. Default: `https`. */
  readonly scheme?: "https" | "http";
  /** Default: the scheme's own, 443 or 80. */
  readonly port?: number;
  /** What the path starts with, by whole segments: `/v1` fits `/v1` and `/v1/models`, not `/v10`. Default: any path. */
  readonly path?: string;
  /** Default: any method. */
  readonly methods?: readonly string[];
  /** The name of the header that holds the placeholder. */
  readonly header?: string;
  /**
   * How the header holds it: alone, after `Bearer`, or as user or password in `Basic`. Default: `bearer` for `authorization`,
   * otherwise `raw`.
   */
  readonly as?: "raw" | "bearer" | "basic";
  /** The name of the query parameter whose value is the placeholder. */
  readonly query?: string;
  /**
   * Signs the request (AWS Signature Version 4). The secret is a document with `accessKeyId`, `secretAccessKey` and perhaps
   * `sessionToken`, or with the names that Vault gives them. The placeholder stands in `authorization`, alone, or as the access key
   * ID of a request that an AWS client signed with it.
   */
  readonly aws?: { readonly service: string; readonly region: string };
  /** The only addresses that may be connected to: `10.20.0.0/16`, `127.0.0.1`. Default: public ones; for `http`, loopback. */
  readonly addresses?: readonly string[];
  /** `status-only`: of every answer of this host nothing but the status is handed over. Default: `cleaned` of values. */
  readonly response?: "cleaned" | "status-only";
  /**
   * What becomes of a redirect of a request with a value: `return` hands it back; `follow-without-value` follows it to hosts that
   * have a rule, without the value and what belongs to it. Default: `return`.
   */
  readonly redirects?: "return" | "follow-without-value";
  /**
   * Whether a body may mention a placeholder, as a prompt to a model may. It is sent as it is and never replaced. Default: `refuse`.
   */
  readonly placeholderInBody?: "refuse" | "keep";
}
