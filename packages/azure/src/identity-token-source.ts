import type { AccessTokens } from "@keyhold/identity";
import type { TokenSource } from "./token-source.ts";

/** The tokens of a workload's identity. It has one directory of its own, so the vault's tenant is not asked for. */
export function identityTokenSource(tokens: AccessTokens, isOwn: boolean): TokenSource {
  let latest: string | undefined;
  return {
    async get(scopes, _demands, context) {
      latest = await tokens.get([scopes].flat()[0] as string, context);
      return latest;
    },
    reject: (token) => tokens.reject(token),
    latest: () => latest,
    close() {
      // Tokens that were given may serve other providers too.
      if (isOwn) tokens.close();
      latest = undefined;
    },
  };
}
