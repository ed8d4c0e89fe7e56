// What surrounds the function in the cloud, on this machine: Secret Manager, and the metadata server that gives tokens.
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { makeCertificates } from "../../test/servers/certificates.ts";
import { type GoogleServer, googleToken, startGoogle } from "../../test/servers/google/start-google.ts";
import { json, startHttpsService } from "../../test/servers/https-service.ts";
import { startTokenServer } from "../../test/servers/oidc/start-token-server.ts";

export interface Cloud {
  readonly google: GoogleServer;
  /** How the function finds all of it. */
  readonly environment: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

export async function startCloud(folder: string): Promise<Cloud> {
  const tls = await makeCertificates();
  const tokens = await startTokenServer({ tls });
  const google = await startGoogle({ tokens, tls });
  const metadata = await startHttpsService({
    tls: false,
    async handle({ path: asked, headers }) {
      const flavor = { "metadata-flavor": "Google" };
      if (headers["metadata-flavor"] !== "Google") return { status: 403, headers: flavor };
      if (asked.endsWith("/project/project-id")) return { status: 200, headers: flavor, body: google.projectId };
      if (!asked.endsWith("/service-accounts/default/token")) return { status: 404, headers: flavor };
      return json(200, { access_token: await googleToken(tokens), expires_in: 3_599, token_type: "Bearer" }, flavor);
    },
  });
  const authority = path.join(folder, "authority.pem");
  await writeFile(authority, tls.ca);
  return {
    google,
    environment: {
      SECRET_MANAGER: `127.0.0.1:${google.port}`,
      GCE_METADATA_HOST: `127.0.0.1:${metadata.port}`,
      NODE_EXTRA_CA_CERTS: authority,
    },
    async close() {
      await Promise.all([google.close(), metadata.close(), tokens.close()]);
    },
  };
}
