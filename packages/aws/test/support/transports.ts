import { type AwsOptions, type AwsProvider, aws as overSdk } from "@keyhold/aws";
import { aws as lean } from "@keyhold/aws/lean";

export interface TestedTransport {
  readonly transport: string;
  /** Of the conformance report. */
  readonly name: string;
  readonly entry: string;
  readonly aws: (options?: AwsOptions) => AwsProvider;
}

/** Both ways to speak to AWS. Everything that the tests demand of one they demand of the other. */
export const transports: readonly TestedTransport[] = [
  { transport: "AWS's SDK", name: "aws", entry: "@keyhold/aws", aws: overSdk },
  { transport: "lean", name: "aws-lean", entry: "@keyhold/aws/lean", aws: lean },
];
