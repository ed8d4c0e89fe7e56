import type { Refusal } from "./verify-signature.ts";

/** An answer of AWS's Security Token Service, which speaks XML. */
export interface TokenServiceAnswer {
  readonly status: number;
  readonly body: string;
}

const namespace = "https://sts.amazonaws.com/doc/2011-06-15/";

/** The one action that tells a caller who it is. https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html */
export function getCallerIdentity(form: URLSearchParams, arn: string, account: string, userId: string): TokenServiceAnswer {
  if (form.get("Action") !== "GetCallerIdentity" || form.get("Version") !== "2011-06-15") {
    return tokenServiceError(400, "InvalidAction", "Could not find operation for version 2011-06-15");
  }
  const result = `<Arn>${arn}</Arn><UserId>${userId}</UserId><Account>${account}</Account>`;
  return {
    status: 200,
    body: `<GetCallerIdentityResponse xmlns="${namespace}"><GetCallerIdentityResult>${result}</GetCallerIdentityResult><ResponseMetadata><RequestId>00000000-0000-4000-8000-000000000000</RequestId></ResponseMetadata></GetCallerIdentityResponse>`,
  };
}

const codes: Readonly<Record<string, string>> = {
  MissingAuthenticationTokenException: "MissingAuthenticationToken",
  IncompleteSignatureException: "IncompleteSignature",
  UnrecognizedClientException: "InvalidClientTokenId",
  ExpiredTokenException: "ExpiredToken",
  InvalidSignatureException: "SignatureDoesNotMatch",
};

/** The same refusals that Secrets Manager gives, in the words of the services that speak XML. */
export function refuseToken({ type, message }: Refusal): TokenServiceAnswer {
  return tokenServiceError(403, codes[type] ?? type, message);
}

function tokenServiceError(status: number, code: string, message: string): TokenServiceAnswer {
  return {
    status,
    body: `<ErrorResponse xmlns="${namespace}"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message.replaceAll("&", "&amp;").replaceAll("<", "&lt;")}</Message></Error></ErrorResponse>`,
  };
}
