/** Credentials as AWS's own providers give them; `fromNodeProviderChain()` and the like fit as they are. */
export interface AwsCredentialsLike {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

export interface AwsOptions {
  /** Default: AWS_REGION, or the profile's. */
  readonly region?: string;
  /** A profile of the shared config and credentials files. Default: AWS_PROFILE. */
  readonly profile?: string;
  /** Credentials, or a function that gives them. Default: AWS's default chain. */
  readonly credentials?: AwsCredentialsLike | (() => Promise<AwsCredentialsLike>);
  /** Another address of the service: a VPC endpoint, or a test server. */
  readonly endpoint?: string;
  /** Another address of STS, which `check` asks who we are. Default: the region's. */
  readonly stsEndpoint?: string;
  /** The authorities to trust instead of the well-known ones, as PEM text. */
  readonly tls?: { readonly ca?: string | readonly string[] };
  /** The KMS key that encrypts new secrets. Default: AWS's own for the account. */
  readonly kmsKeyId?: string;
  /** How many days `remove` keeps a secret restorable, 7 to 30; 0 deletes at once. Default: 30. */
  readonly recoveryWindowInDays?: number;
}
