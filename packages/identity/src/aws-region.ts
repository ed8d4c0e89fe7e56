import { SecretsError } from "@keyhold/core";
import { awsRegionOf } from "./aws-endpoint.ts";
import { readSharedFiles, type SharedFileLocations } from "./aws-shared-files.ts";

export interface AwsRegionOptions extends SharedFileLocations {
  /** The profile in the shared files. Default: AWS_PROFILE, then `default`. */
  readonly profile?: string;
}

/**
 * The region that this workload is set to: AWS_REGION, AWS_DEFAULT_REGION, then the profile's.
 *
 * @throws SecretsError `invalid-argument` when none is set, `permission-denied` when a shared file cannot be read.
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/feature-region.html
 */
export async function awsRegion(options: AwsRegionOptions = {}): Promise<string> {
  const { environment = process.env } = options;
  const set = awsRegionOf(environment);
  if (set !== undefined) return set;
  const name = options.profile ?? (environment.AWS_PROFILE || "default");
  const { credentials, config } = await readSharedFiles(options);
  const region = credentials.get(name)?.get("region") || config.get(name)?.get("region");
  if (region) return region;
  throw new SecretsError("invalid-argument", "no AWS region is set", { hint: "Set AWS_REGION, or the region option." });
}
