import { type CallContext, SecretsError, throwIfEnded } from "@keyhold/core";
import { type AwsCredentialSource, credentialsFromAnswer } from "./aws-credentials.ts";
import type { Environment } from "./environment.ts";
import { identityContext } from "./identity-context.ts";
import { parseCredentialJson } from "./read-credential-file.ts";

export interface ProcessAwsOptions {
  /** The command line, as `credential_process` has it: the system's shell runs it. */
  readonly command: string;
  /** Default: `process.env`. */
  readonly environment?: Environment;
}

const what = "the credential process";

/** What a command prints. Its error output is let go: it may hold a credential. */
function outputOf({ command, environment = process.env }: ProcessAwsOptions, context: CallContext): Promise<string> {
  throwIfEnded(context);
  const { exec } = process.getBuiltinModule("node:child_process");
  return new Promise((resolve, reject) => {
    const options = { env: { ...environment }, signal: context.signal, maxBuffer: 1024 * 1024, windowsHide: true };
    exec(command, options, (error, output) => {
      if (error === null) return resolve(output);
      if (context.signal.aborted) return reject(context.signal.reason);
      const status = typeof error.code === "number" ? ` with status ${error.code}` : "";
      const hint = "Run the command of credential_process by itself.";
      return reject(new SecretsError("unauthenticated", `${what} failed${status}`, { hint }));
    });
  });
}

/**
 * The credentials that a command prints. It runs at each call.
 *
 * @throws SecretsError `unauthenticated` when it fails or prints expired credentials, `invalid-argument` or `decode` when it prints
 * something else.
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
 */
export function processAwsCredentials(options: ProcessAwsOptions): AwsCredentialSource {
  return async (given) => {
    const context = identityContext(given);
    const output = parseCredentialJson(await outputOf(options, context), `what ${what} prints`);
    if (output.Version !== 1) {
      throw new SecretsError("decode", `${what} printed another version than 1`, { hint: 'Its JSON needs "Version": 1.' });
    }
    const credentials = credentialsFromAnswer(output, what);
    if ((credentials.expiration?.getTime() ?? Number.POSITIVE_INFINITY) > context.clock.now()) return credentials;
    throw new SecretsError("unauthenticated", `${what} printed credentials that have expired`, {
      hint: "Check what it caches, and this machine's clock.",
    });
  };
}
