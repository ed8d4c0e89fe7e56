import { type Secret, SecretsError } from "@keyhold/core";
import { signAwsRequest } from "@keyhold/identity";
import type { Outgoing } from "./outgoing.ts";

/** The parts of AWS credentials in a secret, by AWS's names and by those of Vault's secrets engine. */
const names = {
  accessKeyId: ["accessKeyId", "AccessKeyId", "access_key"],
  secretAccessKey: ["secretAccessKey", "SecretAccessKey", "secret_key"],
  sessionToken: ["sessionToken", "SessionToken", "session_token", "security_token"],
} as const;

export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** @throws SecretsError `decode` for a secret that is no such document. */
export function awsKeysOf(secret: Secret, reference: string): AwsKeys {
  const document: unknown = secret.json();
  const fields = (typeof document === "object" && document !== null ? document : {}) as Readonly<Record<string, unknown>>;
  const find = (known: readonly string[]) => {
    const value = known.map((name) => (Object.hasOwn(fields, name) ? fields[name] : undefined)).find((one) => one !== undefined);
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const [accessKeyId, secretAccessKey, sessionToken] = [names.accessKeyId, names.secretAccessKey, names.sessionToken].map(find);
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw new SecretsError("decode", "this secret holds no AWS keys", {
      reference,
      hint: "A rule with `aws` takes a document with accessKeyId and secretAccessKey, and sessionToken for temporary ones.",
    });
  }
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}

const ownHeaders = new Set(["authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256", "host"]);

/** Signs a request. `sessionToken` is what stands for the session token until the bytes are written. */
export function signRequest(
  request: Outgoing,
  { service, region }: { readonly service: string; readonly region: string },
  { accessKeyId, secretAccessKey, sessionToken }: AwsKeys,
): Map<string, string> {
  const { createHash } = process.getBuiltinModule("node:crypto");
  const { url, method, body } = request;
  const kept = [...request.headers].filter(([name]) => !ownHeaders.has(name));
  const isS3 = service === "s3";
  const contentHash = isS3
    ? [
        [
          "x-amz-content-sha256",
          createHash("sha256")
            .update(body ?? "")
            .digest("hex"),
        ] as const,
      ]
    : [];
  const signed = signAwsRequest(
    {
      method,
      host: url.host,
      path: `${url.pathname}${url.search}`,
      headers: Object.fromEntries([...kept, ...contentHash]),
      ...(body === undefined ? {} : { body }),
    },
    {
      credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
      region,
      service,
      signedAt: Date.now(),
      normalizePath: !isS3,
      encodePathTwice: !isS3,
    },
  );
  const { host: _host, ...headers } = signed;
  return new Map(Object.entries(headers));
}
