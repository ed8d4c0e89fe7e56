import { type AwsCredentialProvider, awsCredentials, signAwsRequest } from "@keyhold/identity";
import { type ConjurAuth, demandText, given, hostPath } from "./auth.ts";

export interface IamAuthOptions {
  /** The authenticator's service id: `prod` for `authn-iam/prod`. */
  readonly service: string;
  /** The host without `host/`. It ends with the AWS account's number and the role's name: `app/123456789012/ml`. */
  readonly host: string;
  /** Gives the credentials of the role. AWS's own providers fit. Default: wherever AWS leaves a workload its credentials. */
  readonly credentials?: AwsCredentialProvider;
  /** The region whose STS Conjur asks. Default: `us-east-1`. */
  readonly region?: string;
}

/**
 * Signs in by `authn-iam`, as an IAM role. Conjur is shown a signed request that tells who signed it, and no key.
 *
 * @throws SecretsError `invalid-argument` for an empty service or host.
 * @see https://docs.conjur.org/Latest/en/Content/Operations/Services/AWS_IAM_Authenticator.htm
 */
export function iamAuth({ service, host, credentials = awsCredentials(), region = "us-east-1" }: IamAuthOptions): ConjurAuth {
  demandText("iamAuth", { service, host, region }, "service", "host", "region");
  return {
    async signIn(account, context) {
      const headers = signAwsRequest(
        { host: `sts.${region}.amazonaws.com`, path: "/?Action=GetCallerIdentity&Version=2011-06-15" },
        {
          credentials: await given("AWS credentials", () => credentials(context)),
          region,
          service: "sts",
          signedAt: context.clock.now(),
        },
      );
      return {
        method: "POST",
        path: hostPath("authn-iam", service, account, host),
        headers: { "content-type": "text/plain" },
        body: JSON.stringify(headers),
      };
    },
  };
}
