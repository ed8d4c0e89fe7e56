import { SecretsError } from "@keyhold/core";
import { awsEndpoint } from "@keyhold/identity";

/** The domains that also answer over IPv6, by the domain that does not. */
const dualStackDomains: Readonly<Record<string, string>> = {
  "amazonaws.com": "api.aws",
  "amazonaws.com.cn": "api.amazonwebservices.com.cn",
};

/**
 * Where a region's Secrets Manager is: AWS_ENDPOINT_URL_SECRETS_MANAGER, AWS_ENDPOINT_URL, or the region's own address, with
 * AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT.
 *
 * @throws SecretsError `invalid-argument` for a region that is no word, `unsupported` where a partition has no such address.
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
  const wanted = isSet("AWS_USE_DUALSTACK_ENDPOINT") ? dualStackDomains[domain] : domain;
  if (wanted === undefined) {
    throw new SecretsError("unsupported", "this region's Secrets Manager has no dual-stack address that is known here", {
      provider: "aws",
      hint: "Unset AWS_USE_DUALSTACK_ENDPOINT, or give the address as endpoint.",
    });
  }
  return `https://secretsmanager${isSet("AWS_USE_FIPS_ENDPOINT") ? "-fips" : ""}.${region}.${wanted}`;
}
