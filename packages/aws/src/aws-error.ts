import { type ErrorCode, SecretsError } from "@keyhold/core";

/** Errors that a clock which is off leads to. */
export const clockErrors: ReadonlySet<string> = new Set([
  "AuthFailure",
  "InvalidSignatureException",
  "RequestExpired",
  "RequestInTheFuture",
  "RequestTimeTooSkewed",
  "SignatureDoesNotMatch",
]);

/**
 * AWS's error names, those of the service and those of its front door.
 * https://docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html
 */
const codes: Readonly<Record<string, ErrorCode>> = {
  ResourceNotFoundException: "not-found",
  AccessDeniedException: "permission-denied",
  AccessDenied: "permission-denied",
  NotAuthorized: "permission-denied",
  OptInRequired: "permission-denied",
  UnrecognizedClientException: "unauthenticated",
  InvalidSignatureException: "unauthenticated",
  IncompleteSignature: "unauthenticated",
  IncompleteSignatureException: "unauthenticated",
  InvalidClientTokenId: "unauthenticated",
  MissingAuthenticationTokenException: "unauthenticated",
  ExpiredTokenException: "unauthenticated",
  RequestExpired: "unauthenticated",
  CredentialsProviderError: "unauthenticated",
  TokenProviderError: "unauthenticated",
  InvalidParameterException: "invalid-argument",
  InvalidNextTokenException: "invalid-argument",
  MalformedPolicyDocumentException: "invalid-argument",
  ValidationException: "invalid-argument",
  ValidationError: "invalid-argument",
  SerializationException: "invalid-argument",
  // The request is well-formed and the secret's state forbids it: deleted, managed by another service, rotating.
  InvalidRequestException: "conflict",
  PreconditionNotMetException: "conflict",
  ResourceExistsException: "conflict",
  LimitExceededException: "rate-limited",
  ThrottlingException: "rate-limited",
  Throttling: "rate-limited",
  RequestLimitExceeded: "rate-limited",
  TooManyRequestsException: "rate-limited",
  InternalServiceError: "unavailable",
  InternalServiceErrorException: "unavailable",
  InternalFailure: "unavailable",
  ServiceUnavailable: "unavailable",
  ServiceUnavailableException: "unavailable",
  // The key that encrypts the secret cannot be used.
  DecryptionFailure: "permission-denied",
  EncryptionFailure: "permission-denied",
};

const hints: Readonly<Record<string, string>> = {
  AccessDeniedException: "Allow this principal the action on this secret, and kms:Decrypt on its key.",
  CredentialsProviderError: "Set AWS_PROFILE or AWS_ACCESS_KEY_ID, give the workload a role, or pass credentials to aws().",
  DecryptionFailure: "Allow this principal kms:Decrypt on the secret's key.",
  EncryptionFailure: "Allow this principal kms:GenerateDataKey on the secret's key, and see that the key is enabled.",
  ExpiredTokenException: "The session has ended: sign in again, or let the credential provider refresh.",
  InvalidParameterException: "Check the name, the version and the size of the value against AWS's limits.",
  InvalidRequestException:
    "The secret is scheduled for deletion, or another service owns it: restore() brings a deleted one back.",
  InvalidSignatureException: "The secret access key is wrong, or this machine's clock is off by more than five minutes.",
  LimitExceededException: "A quota of the account is used up.",
  ResourceExistsException: "There is such a secret already, or that idempotency key was used with another value.",
  ResourceNotFoundException: "Check the name and the region; a secret of another account needs its whole ARN.",
  ThrottlingException: "Raise the cache's time to live, or ask AWS for a higher quota.",
  UnrecognizedClientException: "The access key is unknown or was disabled.",
  ValidationException: "Names hold letters, digits and /_+=.@- and at most 512 characters; values at most 65,536 bytes.",
};

export interface AwsFailure {
  /** AWS's name of the error. */
  readonly name: string;
  readonly status?: number;
  readonly retryAfterMs?: number;
}

function codeOfStatus(status: number | undefined): ErrorCode {
  if (status === undefined) return "unknown";
  if (status === 429) return "rate-limited";
  if (status >= 500) return "unavailable";
  if (status === 401) return "unauthenticated";
  if (status === 403) return "permission-denied";
  if (status === 404) return "not-found";
  return status >= 400 ? "invalid-argument" : "decode";
}

/** Whether this is the name of an error of AWS's. */
export const isAwsErrorName = (name: string): boolean => Object.hasOwn(codes, name);

/** The one table from AWS's errors to codes. AWS's own message is left behind: it may hold what was sent. */
export function awsError({ name, status, retryAfterMs }: AwsFailure): SecretsError {
  if (status !== undefined && status >= 300 && status < 400) {
    return new SecretsError("unavailable", `AWS Secrets Manager: a redirect (HTTP ${status}), which is never followed`, {
      provider: "aws",
      hint: "Something between here and AWS answered in its place: check the endpoint and the proxy.",
      retryable: false,
    });
  }
  const known = isAwsErrorName(name) ? codes[name] : undefined;
  const label = known
    ? name
    : status === undefined
      ? "the SDK or its credentials failed in a way of their own"
      : `HTTP ${status}`;
  const hint = Object.hasOwn(hints, name) ? hints[name] : undefined;
  return new SecretsError(known ?? codeOfStatus(status), `AWS Secrets Manager: ${label}`, {
    provider: "aws",
    ...(hint === undefined ? {} : { hint }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}
