import type { CheckReport } from "@keyhold/core";
import type { HttpClient, HttpResponse } from "@keyhold/http";
import { principalOf } from "./check.ts";
import type { TokenSource } from "./token-source.ts";

/** What the calls to a vault show beside their answers. */
export interface VaultSession {
  note(response: HttpResponse): void;
  report(): Pick<CheckReport, "principal" | "serverTimeAt" | "certificateExpiresAt">;
}

export function vaultSession(http: HttpClient, tokens: TokenSource): VaultSession {
  let serverTimeAt: number | undefined;
  return {
    note(response) {
      const at = Date.parse(response.header("date") ?? "");
      if (!Number.isNaN(at)) serverTimeAt = at;
    },
    report() {
      const token = tokens.latest();
      const principal = token === undefined ? undefined : principalOf(token);
      const certificateExpiresAt = http.certificateExpiresAt();
      return {
        ...(principal === undefined ? {} : { principal }),
        ...(serverTimeAt === undefined ? {} : { serverTimeAt }),
        ...(certificateExpiresAt === undefined ? {} : { certificateExpiresAt }),
      };
    },
  };
}
