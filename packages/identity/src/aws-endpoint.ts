import { SecretsError } from "@keyhold/core";
import type { Environment } from "./environment.ts";

// https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html
const suffixes: readonly (readonly [regions: RegExp, suffix: string])[] = [
  [/^cn-/, "amazonaws.com.cn"],
  [/^eusc-/, "amazonaws.eu"],
  [/^us-iso-/, "c2s.ic.gov"],
  [/^us-isob-/, "sc2s.sgov.gov"],
  [/^us-isof-/, "csp.hci.ic.gov"],
  [/^eu-isoe-/, "cloud.adc-e.uk"],
];

/** The region of the environment. https://docs.aws.amazon.com/sdkref/latest/guide/feature-region.html */
export const awsRegionOf = (environment: Environment): string | undefined =>
  environment.AWS_REGION || environment.AWS_DEFAULT_REGION || undefined;

/**
 * Where a service is: AWS_ENDPOINT_URL_STS and its kin, AWS_ENDPOINT_URL, or the region's own address.
 *
 * @throws SecretsError `invalid-argument` for a region that is no word, as the credentials would go to the host it is part of.
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
 */
export function awsEndpoint(
  service: "SECRETS_MANAGER" | "STS" | "SSO" | "SSO_OIDC",
  region: string,
  environment: Environment = process.env,
): string {
  const ignored = environment.AWS_IGNORE_CONFIGURED_ENDPOINT_URLS?.toLowerCase() === "true";
  const configured = environment[`AWS_ENDPOINT_URL_${service}`] || environment.AWS_ENDPOINT_URL;
  if (configured && !ignored) return configured;
  if (!/^[a-z0-9]+(-[a-z0-9]+)+$/.test(region)) {
    throw new SecretsError("invalid-argument", "the AWS region is not the name of one", { hint: "Write it like eu-west-1." });
  }
  const host = { SECRETS_MANAGER: "secretsmanager", STS: "sts", SSO: "portal.sso", SSO_OIDC: "oidc" }[service];
  const suffix = suffixes.find(([regions]) => regions.test(region))?.[1] ?? "amazonaws.com";
  return `https://${host}.${region}.${suffix}`;
}
