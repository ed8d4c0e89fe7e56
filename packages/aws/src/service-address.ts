import { SecretsError } from "@keyhold/core";
import { awsEndpoint } from "@keyhold/identity";

/**
 * Where a region's Secrets Manager is: AWS_ENDPOINT_URL_SECRETS_MANAGER, AWS_ENDPOINT_URL, or the region's own address, with
 * AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT.
 *
 * @throws SecretsError `invalid-argument` for a region that is no word, `unsupported` where no such address is known.
 * @see https://docs.aws.amazon.com/general/latest/gr/asm.html
 */
export function secretsManagerAddress(
  region: string,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string {
  const isSet = (name: string) => environment[name]?.toLowerCase() === "true";
  const address = awsEndpoint("SECRETS_MANAGER", region, environment);
  const usual = `https://secretsmanager.${region}.`;
  if (!address.startsWith(usual)) return address;
  const domain = address.slice(usual.length);
  const [fips, dualStack] = [isSet("AWS_USE_FIPS_ENDPOINT"), isSet("AWS_USE_DUALSTACK_ENDPOINT")];
  // These answer over IPv6 as they are.
  const isDualStack = domain === "amazonaws.com" || (domain === "amazonaws.com.cn" && !fips);
  if (dualStack && !isDualStack) {
    throw new SecretsError("unsupported", "no dual-stack address of this region's Secrets Manager is known here", {
      provider: "aws",
      hint: "Unset AWS_USE_DUALSTACK_ENDPOINT, or give the address as endpoint.",
    });
  }
  return fips ? address.replace("secretsmanager.", "secretsmanager-fips.") : address;
}
