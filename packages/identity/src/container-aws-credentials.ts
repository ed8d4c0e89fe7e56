import { SecretsError } from "@keyhold/core";
import type { TlsOptions } from "@keyhold/http";
import { ask, objectOf, parseAddress, signInError } from "./ask.ts";
import { type AwsCredentialSource, credentialsFromAnswer } from "./aws-credentials.ts";
import type { Environment } from "./environment.ts";
import { identityContext, within } from "./identity-context.ts";
import { isLoopbackHost } from "./metadata-host.ts";
import { readCredentialFile } from "./read-credential-file.ts";

export interface ContainerAwsOptions {
  /** For a full URI with https. */
  readonly tls?: TlsOptions;
  /** Default: `process.env`. */
  readonly environment?: Environment;
}

const what = "the container's credential service";
const answerMs = 5_000;

/** The agent of ECS, and that of EKS Pod Identity. */
const allowedHosts: ReadonlySet<string> = new Set(["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"]);

function addressOf(environment: Environment): string {
  const relative = environment.AWS_CONTAINER_CREDENTIALS_RELATIVE_URI;
  const full = environment.AWS_CONTAINER_CREDENTIALS_FULL_URI;
  if (!relative && !full) {
    throw new SecretsError("unauthenticated", "there is no credential service for this container", {
      hint: "ECS sets AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, and EKS Pod Identity AWS_CONTAINER_CREDENTIALS_FULL_URI.",
    });
  }
  if (relative && !relative.startsWith("/")) {
    // Put behind the host's name it would make it another host.
    throw new SecretsError("invalid-argument", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not start with /");
  }
  const url = relative ? `http://169.254.170.2${relative}` : (full as string);
  const { protocol, hostname } = parseAddress(url, what);
  if (protocol === "http:" && !isLoopbackHost(hostname) && !allowedHosts.has(hostname)) {
    throw new SecretsError("invalid-argument", `${what} is at an address where none of AWS's is`, {
      hint: "AWS_CONTAINER_CREDENTIALS_FULL_URI is https, or plain http to this machine, 169.254.170.2, 169.254.170.23 or fd00:ec2::23.",
    });
  }
  return url;
}

/**
 * The credentials of an ECS task, or of a pod with EKS Pod Identity. The token file is read at each call, as it is rotated.
 *
 * @throws SecretsError `unauthenticated` when there is no such service or it refuses, `invalid-argument` for an address that is not
 * this machine's, the agents' or https.
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
 */
export function containerAwsCredentials({ tls, environment = process.env }: ContainerAwsOptions = {}): AwsCredentialSource {
  return async (given) => {
    const context = identityContext(given);
    const url = addressOf(environment);
    const tokenFile = environment.AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE;
    const authorization = tokenFile
      ? await readCredentialFile(tokenFile, "the container's authorization token")
      : environment.AWS_CONTAINER_AUTHORIZATION_TOKEN?.trim() || undefined;
    const response = await ask(
      { what, url, tls, headers: { accept: "application/json", authorization } },
      within(context, answerMs),
    );
    if (response.status === 200) return credentialsFromAnswer(objectOf(response, what), what);
    throw signInError(response, what, context, "Check that the task or the service account has a role.");
  };
}
