import { generateKeyPairSync } from "node:crypto";
import { googleIdentityTokens, googleTokens } from "@keyhold/identity";
import { poolIssuer } from "../../../../test/servers/identity/start-google-identity.ts";
import type { Credential, Holder, Wrong } from "./credential.ts";
import type { World } from "./world.ts";

const scope = "https://www.googleapis.com/auth/cloud-platform";
const audience = "https://vault.internal/vault/ml";

/** The rows of Google. */
export function googleRows(world: World): readonly Credential[] {
  const { aws, clock, google } = world;
  const { services, serviceAccount, user } = google;
  const otherKey = generateKeyPairSync("rsa", { modulusLength: 2048 })
    .privateKey.export({ type: "pkcs8", format: "pem" })
    .toString();
  const none = { HOME: world.folder, CLOUDSDK_CONFIG: world.folder, METADATA_SERVER_DETECTION: "none" };
  const options = (json: object | undefined, variables: Record<string, string>) => ({
    tls: { ca: services.ca },
    environment: {
      ...none,
      ...(json && { GOOGLE_APPLICATION_CREDENTIALS: world.file("google.json", JSON.stringify(json)) }),
      ...variables,
    },
  });
  const access = (json?: object, variables: Record<string, string> = {}): Holder => {
    const tokens = googleTokens(options(json, variables));
    return {
      get: (context) => tokens.get(scope, context),
      reject: (value) => tokens.reject(String(value)),
      // A person's scopes are those of the sign-in, whatever is asked for.
      ...((json as { type?: string } | undefined)?.type === "authorized_user"
        ? {}
        : { elsewhere: (context) => tokens.get("https://www.googleapis.com/auth/devstorage.read_only", context) }),
    };
  };
  const identity = (json?: object, variables: Record<string, string> = {}): Holder => {
    const tokens = googleIdentityTokens(options(json, variables));
    return {
      get: (context) => tokens.get(audience, context),
      reject: (value) => tokens.reject(String(value)),
      elsewhere: (context) => tokens.get("https://vault.internal/vault/another", context),
    };
  };
  const revoked = new Set<unknown>();
  const check = (accept: (token: string) => Promise<unknown>) => async (value: unknown) => {
    if (revoked.has(value)) throw new Error("revoked");
    await accept(String(value));
  };
  const common = {
    lifetimeMs: 3_600_000,
    revoke: (value: unknown) => void revoked.add(value),
    issued: () => google.issued,
    canaries: () => [user.clientSecret, user.refreshToken, aws.user.secretAccessKey],
  };
  const token = { ...common, accept: check((text) => google.accept(text, scope)) };
  const { issued: _nobodyCounts, ...madeHere } = token;
  const identityToken = { ...common, accept: check((text) => google.acceptIdentity(text, audience)) };
  const metadata = { METADATA_SERVER_DETECTION: "assume-present", GCE_METADATA_HOST: `127.0.0.1:${google.metadata.port}` };
  const key = (wrong?: Wrong) => ({
    type: "service_account",
    client_email: serviceAccount.email,
    private_key_id: serviceAccount.keyId,
    private_key: wrong === "signature" ? otherKey : serviceAccount.privateKey,
    token_uri: `${services.url}/token`,
  });
  const external = (source: object, type = "jwt") => ({
    type: "external_account",
    audience: google.audience,
    subject_token_type: type === "jwt" ? "urn:ietf:params:oauth:token-type:jwt" : type,
    token_url: `${services.url}/v1/token`,
    credential_source: source,
  });
  const impersonate = {
    service_account_impersonation_url: `${services.url}/v1/projects/-/serviceAccounts/${serviceAccount.email}:generateAccessToken`,
  };
  const subject = (wrong?: Wrong) => {
    const claims = {
      iss: poolIssuer,
      sub: "workload",
      aud: wrong === "audience" ? "another" : `https:${google.audience}`,
      exp: clock.now() / 1000 + (wrong === "expiry" ? -600 : 86_400),
    };
    return wrong === "signature" ? world.workload.forge(claims) : world.workload.mint(claims);
  };
  const fileSource = async (wrong?: Wrong) => ({
    file: world.file("subject.json", JSON.stringify({ jwt: await subject(wrong) })),
    format: { type: "json", subject_token_field_name: "jwt" },
  });
  const all: readonly Wrong[] = ["signature", "audience", "expiry"];

  return [
    // Made here, so nothing counts them, and a wrong key shows only where the token is used.
    { ...madeHere, name: "Google service account key", wrongs: [], holder: async () => access(key()) },
    {
      ...identityToken,
      name: "Google service account key, identity token",
      wrongs: ["signature"],
      holder: async (wrong) => identity(key(wrong)),
    },
    { ...token, name: "Google metadata server", wrongs: [], holder: async () => access(undefined, metadata) },
    {
      ...identityToken,
      name: "Google metadata server, identity token",
      wrongs: [],
      holder: async () => identity(undefined, metadata),
    },
    {
      ...token,
      name: "Google authorised user",
      wrongs: ["signature"],
      holder: async (wrong) =>
        access({
          type: "authorized_user",
          client_id: "client.apps.googleusercontent.com",
          client_secret: user.clientSecret,
          refresh_token: wrong ? "wrong" : user.refreshToken,
          token_uri: `${services.url}/token`,
        }),
    },
    {
      ...token,
      name: "Google federation, file",
      wrongs: all,
      holder: async (wrong) => access(external(await fileSource(wrong))),
    },
    {
      ...token,
      name: "Google federation, URL",
      wrongs: all,
      async holder(wrong) {
        world.subjects.text = await subject(wrong);
        return access(external({ url: world.subjects.url, headers: { "x-demanded": world.subjects.header } }));
      },
    },
    {
      ...token,
      name: "Google federation, AWS",
      wrongs: ["signature"],
      holder: async (wrong) =>
        access(
          external(
            {
              environment_id: "aws1",
              regional_cred_verification_url: "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
            },
            "urn:ietf:params:aws:token-type:aws4_request",
          ),
          {
            AWS_REGION: "eu-west-1",
            AWS_ACCESS_KEY_ID: aws.user.accessKeyId,
            AWS_SECRET_ACCESS_KEY: wrong ? "wrong" : aws.user.secretAccessKey,
          },
        ),
    },
    {
      ...token,
      name: "Google federation, AWS instance",
      wrongs: [],
      holder: async () =>
        access(
          external(
            {
              environment_id: "aws1",
              imdsv2_session_token_url: `${aws.metadata.url}/latest/api/token`,
              regional_cred_verification_url: "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
            },
            "urn:ietf:params:aws:token-type:aws4_request",
          ),
        ),
    },
    {
      ...token,
      issued: () => google.issued / 2,
      name: "Google federation, then impersonation",
      wrongs: all,
      holder: async (wrong) => access({ ...external(await fileSource(wrong)), ...impersonate }),
    },
    {
      ...token,
      name: "Google impersonated service account",
      wrongs: ["signature"],
      holder: async (wrong) => access({ type: "impersonated_service_account", ...impersonate, source_credentials: key(wrong) }),
    },
    {
      ...token,
      // The federated one, the first that is impersonated, and the second.
      issued: () => google.issued / 3,
      name: "Google impersonated service account, twice",
      wrongs: all,
      holder: async (wrong) => {
        const source = { ...external(await fileSource(wrong)), ...impersonate };
        return access({ type: "impersonated_service_account", ...impersonate, source_credentials: source });
      },
    },
    {
      ...identityToken,
      name: "Google impersonated service account, identity token",
      wrongs: ["signature"],
      holder: async (wrong) => identity({ type: "impersonated_service_account", ...impersonate, source_credentials: key(wrong) }),
    },
  ];
}
