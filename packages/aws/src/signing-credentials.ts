import type { CallContext } from "@keyhold/core";
import { type AwsCredentials, awsCredentials, heldAwsCredentials, staticAwsCredentials } from "@keyhold/identity";
import type { AwsOptions } from "./aws-options.ts";

/** What requests are signed with: made once, held until shortly before it expires. */
export interface SigningCredentials {
  get(context: CallContext): Promise<AwsCredentials>;
  /** Other credentials than those that AWS refused with this error, or undefined where there are none. */
  afterRefusal(name: string, refused: AwsCredentials, context: CallContext): Promise<AwsCredentials | undefined>;
  close(): void;
}

/** Errors that credentials lead to which were replaced elsewhere. */
const replacedErrors: ReadonlySet<string> = new Set([
  "ExpiredTokenException",
  "InvalidClientTokenId",
  "UnrecognizedClientException",
]);

const isSame = (a: AwsCredentials, b: AwsCredentials): boolean =>
  a.accessKeyId === b.accessKeyId && a.secretAccessKey === b.secretAccessKey && a.sessionToken === b.sessionToken;

/** @throws SecretsError `invalid-argument` for fixed credentials without keys. */
export function signingCredentials(options: Pick<AwsOptions, "credentials" | "profile" | "region" | "tls">): SigningCredentials {
  const { credentials, profile, region, tls } = options;
  if (typeof credentials === "object") {
    return { get: staticAwsCredentials(credentials), afterRefusal: async () => undefined, close() {} };
  }
  const chain = {
    ...(profile === undefined ? {} : { profile }),
    ...(region === undefined ? {} : { region }),
    ...(tls === undefined ? {} : { tls }),
  };
  const held = heldAwsCredentials(credentials ?? awsCredentials(chain));
  return {
    get: held.get,
    async afterRefusal(name, refused, context) {
      if (!replacedErrors.has(name) || !held.reject(refused)) return undefined;
      const others = await held.get(context);
      return isSame(others, refused) ? undefined : others;
    },
    close: held.close,
  };
}
