import { randomUUID } from "node:crypto";
import { type HttpsService, json, startHttpsService } from "../https-service.ts";
import type { TokenServer } from "../oidc/start-token-server.ts";
import type { WallClock } from "../oidc/token-authority.ts";

/** The endpoints that give an Azure machine or app its token, over plain HTTP. Tokens are those of a token server. */
export interface AzureIdentity extends HttpsService {
  /** What App Service puts into IDENTITY_HEADER, and Machine Learning into MSI_SECRET. */
  readonly identityHeader: string;
  readonly clientId: string;
  readonly issued: number;
}

const refused = json(400, { error: "invalid_request", error_description: "Identity not found" });

export async function startAzureIdentity({ tokens, clock }: { tokens: TokenServer; clock: WallClock }): Promise<AzureIdentity> {
  const identityHeader = randomUUID();
  const clientId = randomUUID();
  let issued = 0;
  const service = await startHttpsService({
    tls: false,
    async handle({ method, path, query, headers }, violate) {
      // Microsoft's own client puts a slash behind it.
      const isMachine = path.replace(/\/$/, "") === "/metadata/identity/oauth2/token";
      const isApp = path === "/msi/token";
      const isLearning = path === "/learning/token";
      if (method !== "GET" || !(isMachine || isApp || isLearning)) return { status: 404 };
      if ((isMachine || isLearning) && headers.metadata !== "true")
        return json(400, { error: "invalid_request", error_description: "Required metadata header not specified" });
      if (isApp && headers["x-identity-header"] !== identityHeader) return json(403, { error: "forbidden" });
      if (isLearning && headers.secret !== identityHeader) return json(403, { error: "forbidden" });
      const version = isApp ? "2019-08-01" : isLearning ? "2017-09-01" : "2018-02-01";
      if (query.get("api-version") !== version) violate("another version of the endpoint");
      const resource = query.get("resource") ?? "";
      if (!/^https:\/\/[^/]+$/.test(resource)) return refused;
      // That of Machine Learning spells it otherwise, and wants it for the system's identity too.
      if (query.get(isLearning ? "clientid" : "client_id") !== clientId) return refused;
      issued += 1;
      const token = await tokens.mint({ clientId, aud: resource, jti: randomUUID() });
      const expiresAt = Math.floor(clock.now() / 1000) + 3600;
      // A machine's service counts expires_in from when its own cache got the token, so it is more than what is left.
      return json(200, {
        access_token: token,
        expires_on: isLearning ? expiresAt : String(expiresAt),
        resource,
        token_type: "Bearer",
        ...(isMachine && { expires_in: "86400" }),
      });
    },
  });
  return {
    ...service,
    identityHeader,
    clientId,
    get issued() {
      return issued;
    },
  };
}
