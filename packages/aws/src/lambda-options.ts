import type { Secrets } from "@keyhold/core";

/** What a function needs, by place or by name. */
export type LambdaReferences = readonly string[] | Readonly<Record<string, string>>;

/** What the Lambda runtime hands to each invocation. https://docs.aws.amazon.com/lambda/latest/dg/nodejs-context.html */
export interface LambdaContext {
  readonly functionName: string;
  readonly functionVersion: string;
  readonly invokedFunctionArn: string;
  readonly memoryLimitInMB: string;
  readonly awsRequestId: string;
  readonly logGroupName: string;
  readonly logStreamName: string;
  getRemainingTimeInMillis(): number;
}

export interface LambdaOptions<N extends string = "aws"> {
  /**
   * The client that reads. Default: one whose provider `aws` is `aws()` of `@keyhold/aws/lean`, which stands in this entry too, so that
   * a bundle with a client of its own holds that code once.
   */
  readonly secrets?: Secrets<N>;
  /**
   * How old a value may be when an invocation begins, in milliseconds; older ones are read anew first, all in one call. A fifth less for
   * some, so that sandboxes which started together do not read together. 0 reads at every invocation. Below two thirds of the client's
   * `ttlMs`, nothing is read in the background, where a freeze would interrupt it. Default: 180,000.
   */
  readonly maxAgeMs?: number;
}
