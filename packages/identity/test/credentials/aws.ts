import { createHash, randomUUID } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import {
  type AwsCredentialProvider,
  type AwsCredentials,
  awsCredentials,
  containerAwsCredentials,
  heldAwsCredentials,
  instanceAwsCredentials,
  signAwsRequest,
} from "@keyhold/identity";
import { webIdentityClaims } from "../../../../test/servers/identity/start-aws-identity.ts";
import type { Credential, Holder, Wrong } from "./credential.ts";
import type { World } from "./world.ts";

type Variables = Record<string, string>;

/** The rows of AWS. */
export function awsRows(world: World): readonly Credential[] {
  const { aws, clock } = world;
  const tls = { ca: aws.tokenService.ca };
  const endpoints = {
    AWS_REGION: "eu-west-1",
    AWS_ENDPOINT_URL_STS: aws.tokenService.url,
    AWS_ENDPOINT_URL_SSO: aws.tokenService.url,
    AWS_ENDPOINT_URL_SSO_OIDC: aws.tokenService.url,
    AWS_EC2_METADATA_DISABLED: "true",
    HOME: world.folder,
  };
  const held = (provider: AwsCredentialProvider): Holder => heldAwsCredentials(provider) as Holder;
  const chain = (variables: Variables): Holder => held(awsCredentials({ environment: { ...endpoints, ...variables }, tls }));

  const accept = async (value: unknown) => {
    const signed = signAwsRequest(
      { host: "secretsmanager.eu-west-1.amazonaws.com", path: "/" },
      { credentials: value as AwsCredentials, region: "eu-west-1", service: "secretsmanager", signedAt: clock.now() },
    );
    const refusal = aws.refusal({ method: "GET", path: "/", headers: signed, body: Buffer.alloc(0) }, "secretsmanager");
    if (refusal !== undefined) throw new Error(refusal);
  };
  const common = {
    accept,
    revoke: (value: unknown) => aws.revoke((value as AwsCredentials).accessKeyId),
    canaries: () => [aws.user.secretAccessKey, aws.externalId, aws.containerToken, ...Object.values(aws.signOn)],
  };
  const temporary = { ...common, issued: () => aws.issued, lifetimeMs: 3_600_000 };
  const config = (text: string): Variables => ({
    AWS_CONFIG_FILE: world.file("config", text),
    AWS_SHARED_CREDENTIALS_FILE: path.join(world.folder, "none"),
  });
  const userKeys = (secret: string) => `aws_access_key_id = ${aws.user.accessKeyId}\naws_secret_access_key = ${secret}\n`;
  const webToken = async (wrong?: Wrong) => {
    const claims = {
      ...webIdentityClaims,
      exp: clock.now() / 1000 + (wrong === "expiry" ? -600 : 86_400),
      ...(wrong === "audience" && { aud: "sigstore" }),
    };
    return world.file("token", `${await (wrong === "signature" ? world.workload.forge(claims) : world.workload.mint(claims))}\n`);
  };

  function signOnCache(wrong?: Wrong): void {
    const folder = path.join(world.folder, ".aws/sso/cache");
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      path.join(folder, `${createHash("sha1").update("team").digest("hex")}.json`),
      JSON.stringify({
        accessToken: wrong === "signature" ? "another-token" : aws.signOn.accessToken,
        expiresAt: new Date(clock.now() + (wrong === "expiry" ? -1000 : 86_400_000)).toISOString(),
      }),
    );
  }

  /** Long-lived keys, which somebody replaces where they lie. */
  const replaced = (
    name: string,
    make: (credentials: AwsCredentials) => { holder: Holder; replace(next: AwsCredentials): void },
  ): Credential => {
    let replace: (next: AwsCredentials) => void = () => {};
    return {
      ...common,
      name,
      wrongs: [],
      lifetimeMs: undefined,
      async holder() {
        const made = make(aws.issue(86_400_000_000));
        replace = made.replace;
        return made.holder;
      },
      revoke(value) {
        common.revoke(value);
        replace(aws.issue(86_400_000_000));
      },
    };
  };

  return [
    replaced("AWS environment", ({ accessKeyId, secretAccessKey, sessionToken }) => {
      const environment: Variables = {
        AWS_ACCESS_KEY_ID: accessKeyId,
        AWS_SECRET_ACCESS_KEY: secretAccessKey,
        AWS_SESSION_TOKEN: sessionToken ?? "",
      };
      const replace = (next: AwsCredentials) => {
        environment.AWS_ACCESS_KEY_ID = next.accessKeyId;
        environment.AWS_SECRET_ACCESS_KEY = next.secretAccessKey;
        environment.AWS_SESSION_TOKEN = next.sessionToken ?? "";
      };
      return { holder: held(awsCredentials({ environment })), replace };
    }),
    replaced("AWS shared file, keys", (first) => {
      const text = ({ accessKeyId, secretAccessKey, sessionToken }: AwsCredentials) =>
        `[default]\naws_access_key_id=${accessKeyId}\naws_secret_access_key=${secretAccessKey}\naws_session_token=${sessionToken}\n`;
      const file = world.file("credentials", text(first));
      const holder = chain({ AWS_SHARED_CREDENTIALS_FILE: file, AWS_CONFIG_FILE: path.join(world.folder, "none") });
      return { holder, replace: (next) => writeFileSync(file, text(next)) };
    }),
    {
      ...temporary,
      name: "AWS shared file, credential_process",
      wrongs: [],
      async holder() {
        const ask = `fetch(process.argv[1]).then(async (answer) => process.stdout.write(await answer.text()))`;
        const script = world.file("process.mjs", `${ask.replace("argv[1]", "argv[2]")}`);
        return chain(config(`[default]\ncredential_process = "${process.execPath}" "${script}" ${aws.metadata.url}/process\n`));
      },
    },
    {
      ...temporary,
      name: "AWS shared file, role by source_profile with external id",
      wrongs: ["signature"],
      holder: async (wrong) =>
        chain(
          config(
            `[default]\nrole_arn = ${aws.roleArn}\nsource_profile = base\nexternal_id = ${aws.externalId}\n[profile base]\n${userKeys(
              wrong === "signature" ? randomUUID() : aws.user.secretAccessKey,
            )}`,
          ),
        ),
    },
    {
      ...temporary,
      name: "AWS shared file, role by credential_source",
      wrongs: ["signature"],
      holder: async (wrong) =>
        chain({
          ...config(`[profile r]\nrole_arn = ${aws.roleArn}\ncredential_source = Environment\nexternal_id = ${aws.externalId}\n`),
          AWS_PROFILE: "r",
          AWS_ACCESS_KEY_ID: aws.user.accessKeyId,
          AWS_SECRET_ACCESS_KEY: wrong === "signature" ? randomUUID() : aws.user.secretAccessKey,
        }),
    },
    {
      ...temporary,
      name: "AWS shared file, single sign-on",
      wrongs: ["signature", "expiry"],
      async holder(wrong) {
        signOnCache(wrong);
        const session = "[sso-session team]\nsso_region = eu-west-1\nsso_start_url = https://team.awsapps.com/start\n";
        return chain(config(`[default]\nsso_session = team\nsso_account_id = 123456789012\nsso_role_name = ml\n${session}`));
      },
    },
    {
      ...temporary,
      name: "AWS web identity (IRSA)",
      wrongs: ["signature", "audience", "expiry"],
      holder: async (wrong) => chain({ AWS_ROLE_ARN: aws.roleArn, AWS_WEB_IDENTITY_TOKEN_FILE: await webToken(wrong) }),
    },
    {
      ...temporary,
      name: "AWS container (ECS, full URI)",
      wrongs: ["signature"],
      holder: async (wrong) =>
        held(
          containerAwsCredentials({
            environment: {
              AWS_CONTAINER_CREDENTIALS_FULL_URI: `${aws.metadata.url}/v1/credentials`,
              AWS_CONTAINER_AUTHORIZATION_TOKEN: wrong ? "wrong" : aws.containerToken,
            },
          }),
        ),
    },
    {
      ...temporary,
      name: "AWS container (EKS Pod Identity, token file)",
      wrongs: ["signature"],
      holder: async (wrong) =>
        chain({
          AWS_CONTAINER_CREDENTIALS_FULL_URI: `${aws.metadata.url}/v1/credentials`,
          AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: world.file("pod", `${wrong ? "wrong" : aws.containerToken}\n`),
        }),
    },
    {
      ...temporary,
      name: "AWS instance (IMDSv2)",
      wrongs: [],
      holder: async () => held(instanceAwsCredentials({ environment: { AWS_EC2_METADATA_SERVICE_ENDPOINT: aws.metadata.url } })),
    },
  ];
}
