import { SecretsError } from "@keyhold/core";

/** The one place that a client speaks to. */
export interface Origin {
  readonly secure: boolean;
  /** Without the brackets of an IPv6 address. */
  readonly hostname: string;
  readonly port: number;
  /** Host and port as a Host header has them. */
  readonly host: string;
  /** What every path starts with: `""` or `/prefix`. */
  readonly prefix: string;
}

function refuse(what: string, hint: string): SecretsError {
  // The text is not repeated: a password may stand in it.
  return new SecretsError("invalid-argument", `the base URL ${what}`, { hint });
}

/** Whether traffic to this host stays on this machine. Names below `localhost` are asked of DNS, so they do not count. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "::1" || /^127(\.\d{1,3}){3}$/.test(hostname);
}

/**
 * Reads a base URL. Plain http is for loopback, for Unix sockets and for those who ask for it.
 *
 * @throws SecretsError `invalid-argument`, which never repeats the URL.
 */
export function parseOrigin(text: string, plainAllowed: boolean): Origin {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw refuse("is not a URL", "Write it like https://vault.internal:8200.");
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") throw refuse("is neither https nor http", "Use https://.");
  if (url.username !== "" || url.password !== "") {
    throw refuse("has a user or a password in it", "Give credentials by the provider's own options.");
  }
  if (url.search !== "" || url.hash !== "") throw refuse("has a query or a fragment", "Give scheme, host, port and path prefix.");
  const secure = url.protocol === "https:";
  const hostname = url.hostname.replace(/^\[(.*)\]$/, "$1");
  if (!secure && !plainAllowed && !isLoopback(hostname)) {
    throw refuse(
      "is plain http to another machine",
      "Everybody on the way could read the credential. Use https, or set allowPlainHttp where something else protects the way.",
    );
  }
  return {
    secure,
    hostname,
    port: url.port === "" ? (secure ? 443 : 80) : Number(url.port),
    host: url.host,
    prefix: url.pathname.replace(/\/+$/, ""),
  };
}
