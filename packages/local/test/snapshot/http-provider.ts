import { type ErrorCode, type Provider, SecretsError } from "@keyhold/core";

const codes: Readonly<Record<number, ErrorCode>> = {
  401: "unauthenticated",
  403: "permission-denied",
  404: "not-found",
  429: "rate-limited",
  503: "unavailable",
};

/** A driver for a server that answers GET with a value, and its version in a header. */
export function httpProvider(url: string): Provider {
  return {
    kind: "http",
    features: { versions: false, stages: false, binary: false, leases: false },
    async read({ path }, { signal }) {
      const answer = await fetch(`${url}/${path}`, { signal }).catch(() => {
        throw new SecretsError("unavailable", "the server does not answer", { hint: "Start it." });
      });
      const value = await answer.text();
      if (answer.ok) return { content: { kind: "opaque", value }, version: answer.headers.get("x-version") ?? "1" };
      throw new SecretsError(codes[answer.status] ?? "unknown", `the server said ${answer.status}`);
    },
  };
}
