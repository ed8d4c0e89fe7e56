import { verifySignature } from "../aws/verify-signature.ts";

/** An access key that the small STS here knows, and whose it is. */
export interface IamIdentity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** The AWS account's number. */
  readonly account: string;
  /** The role's name. */
  readonly role: string;
}

const allowed = new Set(["host", "authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"]);

/** Whose signed `GET /?Action=GetCallerIdentity` these headers are, as STS would say; undefined if they are nobody's. */
export function verifyCallerIdentity(
  sent: Readonly<Record<string, string>>,
  identities: readonly IamIdentity[],
  now: number,
): IamIdentity | undefined {
  const headers = Object.fromEntries(Object.entries(sent).map(([name, value]) => [name.toLowerCase(), String(value)]));
  if (!Object.keys(headers).every((name) => allowed.has(name))) return undefined;
  // The host says which STS is asked, and must be one of Amazon's.
  const [, region = "us-east-1"] = /^sts(?:\.([a-z]{2}(?:-gov)?-[a-z]+-\d))?\.amazonaws\.com$/.exec(headers.host ?? "") ?? [
    undefined,
    "",
  ];
  const verified = verifySignature(
    { method: "GET", url: "/?Action=GetCallerIdentity&Version=2011-06-15", headers, body: Buffer.alloc(0) },
    { service: "sts", regions: [region], known: new Map(identities.map((identity) => [identity.accessKeyId, identity])), now },
  );
  return "credentials" in verified
    ? identities.find(({ accessKeyId }) => accessKeyId === verified.credentials.accessKeyId)
    : undefined;
}
