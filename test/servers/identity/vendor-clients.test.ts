import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { promisify } from "node:util";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { ManagedIdentityCredential, WorkloadIdentityCredential } from "@azure/identity";
import { GoogleAuth } from "google-auth-library";
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import { certificateAuthority } from "../certificates.ts";
import { startTokenServer, type TokenServer } from "../oidc/start-token-server.ts";
import { createTokenAuthority, type TokenAuthority } from "../oidc/token-authority.ts";
import { type AwsIdentity, startAwsIdentity, webIdentityClaims } from "./start-aws-identity.ts";
import { type AzureIdentity, startAzureIdentity } from "./start-azure-identity.ts";
import { type GoogleIdentity, poolIssuer, startGoogleIdentity } from "./start-google-identity.ts";

// The vendors' own clients are the second judge of these servers: what they send has to be right here.
const clock = { now: () => Date.now() };
const scope = "https://www.googleapis.com/auth/cloud-platform";
const federated = { issuer: "https://aks.test", subject: "app", audience: "api://AzureADTokenExchange" };
const usual = getCACertificates("default");
let workload: TokenAuthority;
let aws: AwsIdentity;
let entra: TokenServer;
let azure: AzureIdentity;
let google: GoogleIdentity;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "keyhold-vendors-"));
  workload = await createTokenAuthority();
  const certificates = await certificateAuthority();
  const tls = await certificates.issue();
  aws = await startAwsIdentity({ clock, authority: workload, tls });
  entra = await startTokenServer({ tls, clients: [{ clientId: "federated", federated: { authority: workload, ...federated } }] });
  azure = await startAzureIdentity({ tokens: entra, clock });
  google = await startGoogleIdentity({
    clock,
    authority: await createTokenAuthority(),
    pool: workload,
    tls,
    isAwsCaller: (request) => aws.refusal(request, "sts") === undefined,
  });
  setDefaultCACertificates([...usual, certificates.ca]);
});
afterAll(async () => {
  setDefaultCACertificates([...usual]);
  await Promise.all([aws.close(), entra.close(), azure.close(), google.close()]);
  rmSync(folder, { recursive: true, force: true });
});
afterEach(() => {
  vi.unstubAllEnvs();
  for (const service of [aws.metadata, aws.tokenService, entra, azure, google.metadata, google.services]) {
    expect(service.violations).toEqual([]);
  }
});

const run = promisify(execFile);
const file = (name: string, text: string): string => {
  const at = path.join(folder, name);
  writeFileSync(at, text);
  return at;
};
const variables = (given: Readonly<Record<string, string>>) => {
  const none = ["AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AZURE_CLIENT_ID", "IDENTITY_ENDPOINT", "GOOGLE_APPLICATION_CREDENTIALS"];
  for (const name of none) vi.stubEnv(name, undefined);
  vi.stubEnv("AWS_CONFIG_FILE", path.join(folder, "none"));
  vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", path.join(folder, "none"));
  for (const [name, value] of Object.entries(given)) vi.stubEnv(name, value);
};
const awsKey = async () => (await new SecretsManagerClient({ region: "eu-west-1" }).config.credentials()).accessKeyId;

it("AWS's own package gets credentials of the instance, the container, a web identity and a role", async () => {
  variables({ AWS_EC2_METADATA_SERVICE_ENDPOINT: aws.metadata.url });
  expect(await awsKey()).toMatch(/^ASIA/);
  variables({
    AWS_CONTAINER_CREDENTIALS_FULL_URI: `${aws.metadata.url}/v1/credentials`,
    AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file("container", aws.containerToken),
  });
  expect(await awsKey()).toMatch(/^ASIA/);
  vi.unstubAllEnvs();
  const sts = { AWS_ENDPOINT_URL_STS: aws.tokenService.url, AWS_REGION: "eu-west-1" };
  variables({
    ...sts,
    AWS_ROLE_ARN: aws.roleArn,
    AWS_WEB_IDENTITY_TOKEN_FILE: file("web", await workload.mint(webIdentityClaims)),
  });
  expect(await awsKey()).toMatch(/^ASIA/);
  vi.unstubAllEnvs();
  const keys = `aws_access_key_id=${aws.user.accessKeyId}\naws_secret_access_key=${aws.user.secretAccessKey}`;
  const role = `[default]\nrole_arn=${aws.roleArn}\nsource_profile=base\nexternal_id=${aws.externalId}\n[profile base]\n${keys}\n`;
  variables({ ...sts, AWS_CONFIG_FILE: file("config", role) });
  expect(await awsKey()).toMatch(/^ASIA/);
});

it("Azure's own package gets tokens of the machine, of App Service and for a federated token", async () => {
  const managed = () => new ManagedIdentityCredential({ clientId: azure.clientId }).getToken("https://vault.azure.net/.default");
  variables({ AZURE_POD_IDENTITY_AUTHORITY_HOST: azure.url });
  const audience = { issuer: entra.issuer, audience: "https://vault.azure.net" };
  await entra.authority.verify((await managed()).token, audience);
  variables({ IDENTITY_ENDPOINT: `${azure.url}/msi/token`, IDENTITY_HEADER: azure.identityHeader });
  await entra.authority.verify((await managed()).token, audience);
  const claims = { iss: federated.issuer, sub: federated.subject, aud: federated.audience };
  const credential = new WorkloadIdentityCredential({
    tenantId: entra.tenant,
    clientId: "federated",
    tokenFilePath: file("federated", await workload.mint(claims)),
    authorityHost: entra.url,
    disableInstanceDiscovery: true,
    tlsOptions: { ca: entra.ca },
  } as never);
  await entra.authority.verify((await credential.getToken("https://vault.azure.net/.default")).token, audience);
});

// It decides once in a process where its tokens come from.
it.each([
  ["App Service", "/msi/token", "IDENTITY_ENDPOINT", "IDENTITY_HEADER", "AZURE_CLIENT_ID"],
  ["Machine Learning, user-assigned", "/learning/token", "MSI_ENDPOINT", "MSI_SECRET", "AZURE_CLIENT_ID"],
  ["Machine Learning, system-assigned", "/learning/token", "MSI_ENDPOINT", "MSI_SECRET", "DEFAULT_IDENTITY_CLIENT_ID"],
] as const)("Azure's own package gets a token of %s in a process of its own", async (_what, at, address, secret, client) => {
  const program = `
    import { ManagedIdentityCredential } from "@azure/identity";
    const clientId = process.env.AZURE_CLIENT_ID;
    const credential = clientId ? new ManagedIdentityCredential({ clientId }) : new ManagedIdentityCredential();
    process.stdout.write((await credential.getToken("https://vault.azure.net/.default")).token);`;
  const env = {
    PATH: process.env.PATH,
    [address]: `${azure.url}${at}`,
    [secret]: azure.identityHeader,
    [client]: azure.clientId,
  };
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", program], { cwd: import.meta.dirname, env });
  await entra.authority.verify(stdout, { issuer: entra.issuer, audience: "https://vault.azure.net" });
});

it("Google's own package gets tokens of the metadata server, for a federated workload and one that is impersonated, and for an AWS role", async () => {
  const tokenOf = async (credentials: object) =>
    String(
      await new GoogleAuth({
        credentials: { universe_domain: "googleapis.com", ...credentials },
        scopes: scope,
      }).getAccessToken(),
    );
  const { serviceAccount, services } = google;
  variables({
    GCE_METADATA_HOST: `127.0.0.1:${google.metadata.port}`,
    METADATA_SERVER_DETECTION: "assume-present",
    HOME: folder,
  });
  await google.accept(String(await new GoogleAuth({ scopes: scope }).getAccessToken()), scope);
  const subject = await workload.mint({ iss: poolIssuer, sub: "workload", aud: `https:${google.audience}` });
  const external = {
    type: "external_account",
    audience: google.audience,
    subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
    token_url: `${services.url}/v1/token`,
    credential_source: { file: file("subject", subject) },
  };
  await google.accept(await tokenOf(external), scope);
  const impersonate = `${services.url}/v1/projects/-/serviceAccounts/${serviceAccount.email}:generateAccessToken`;
  await google.accept(await tokenOf({ ...external, service_account_impersonation_url: impersonate }), scope);
  variables({
    AWS_REGION: "eu-west-1",
    AWS_ACCESS_KEY_ID: aws.user.accessKeyId,
    AWS_SECRET_ACCESS_KEY: aws.user.secretAccessKey,
  });
  const awsSource = {
    environment_id: "aws1",
    regional_cred_verification_url: "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
  };
  const type = "urn:ietf:params:aws:token-type:aws4_request";
  await google.accept(await tokenOf({ ...external, subject_token_type: type, credential_source: awsSource }), scope);
});
