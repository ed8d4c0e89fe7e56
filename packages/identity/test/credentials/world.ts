import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type ManualClock, manualClock } from "@keyhold/testing";
import { generate } from "selfsigned";
import { startHttpsService } from "../../../../test/servers/https-service.ts";
import { type AwsIdentity, startAwsIdentity } from "../../../../test/servers/identity/start-aws-identity.ts";
import { type AzureIdentity, startAzureIdentity } from "../../../../test/servers/identity/start-azure-identity.ts";
import { type GoogleIdentity, startGoogleIdentity } from "../../../../test/servers/identity/start-google-identity.ts";
import { startTokenServer, type TokenServer } from "../../../../test/servers/oidc/start-token-server.ts";
import { createTokenAuthority, type TokenAuthority } from "../../../../test/servers/oidc/token-authority.ts";

/** What every credential is checked against: the three clouds' services on one clock, and a folder for files. */
export interface World {
  readonly clock: ManualClock;
  /** Signs what pods and pipelines are given. */
  readonly workload: TokenAuthority;
  readonly aws: AwsIdentity;
  readonly entra: TokenServer;
  readonly azure: AzureIdentity;
  readonly google: GoogleIdentity;
  /** The application's certificate and key, and another one's. */
  readonly certificate: string;
  readonly otherCertificate: string;
  /** Writes a file and gives its path. */
  file(name: string, text: string): string;
  readonly folder: string;
  /** A service that gives a subject token to who sends its header. */
  readonly subjects: { text: string; readonly url: string; readonly header: string };
  readonly violations: readonly string[];
  close(): Promise<void>;
}

export const secretClient = { clientId: "11111111-0000-4000-8000-000000000001", clientSecret: "secret~of-the-application" };
export const certificateClient = "11111111-0000-4000-8000-000000000002";
export const federatedClient = "11111111-0000-4000-8000-000000000003";
export const federatedClaims = {
  iss: "https://aks.test",
  sub: "system:serviceaccount:ml:app",
  aud: "api://AzureADTokenExchange",
};

export async function startWorld(): Promise<World> {
  const clock = manualClock();
  const folder = mkdtempSync(path.join(tmpdir(), "keyhold-identity-"));
  const workload = await createTokenAuthority(clock);
  const pem = async () => {
    const { cert, private: key } = await generate([{ name: "commonName", value: "app" }], { keySize: 2048, algorithm: "sha256" });
    return { cert, both: `${key}\n${cert}` };
  };
  const [certificate, other] = await Promise.all([pem(), pem()]);
  const aws = await startAwsIdentity({ clock, authority: workload });
  const entra = await startTokenServer({
    clock,
    clients: [
      secretClient,
      { clientId: certificateClient, certificate: certificate.cert },
      {
        clientId: federatedClient,
        federated: {
          authority: workload,
          issuer: federatedClaims.iss,
          subject: federatedClaims.sub,
          audience: federatedClaims.aud,
        },
      },
    ],
  });
  const azure = await startAzureIdentity({ tokens: entra, clock });
  const google = await startGoogleIdentity({
    clock,
    authority: await createTokenAuthority(clock),
    pool: workload,
    isAwsCaller: (request) => aws.refusal(request, "sts") === undefined,
  });
  let files = 0;
  const header = randomUUID();
  const subjectService = await startHttpsService({
    tls: false,
    handle: ({ headers }) => (headers["x-demanded"] === header ? { status: 200, body: subjects.text } : { status: 403 }),
  });
  const subjects = { text: "", url: `${subjectService.url}/token`, header };
  const services = [subjectService, aws.metadata, aws.tokenService, entra, azure, google.metadata, google.services];
  return {
    clock,
    workload,
    aws,
    entra,
    azure,
    google,
    certificate: certificate.both,
    otherCertificate: other.both,
    file(name, text) {
      files += 1;
      const file = path.join(folder, `${files}-${name}`);
      writeFileSync(file, text);
      return file;
    },
    folder,
    subjects,
    get violations() {
      return services.flatMap((service) => service.violations);
    },
    async close() {
      await Promise.all([subjectService.close(), aws.close(), entra.close(), azure.close(), google.close()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
