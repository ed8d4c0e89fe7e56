import { type CallContext, SecretsError } from "@keyhold/core";
import { ask, parseAddress, signInError } from "./ask.ts";
import { awsCredentials } from "./aws-default-credentials.ts";
import { awsRegionOf } from "./aws-endpoint.ts";
import { demanded, demandedObject, type GoogleCredentials, optional, unsupportedGoogleType } from "./google-credentials-file.ts";
import { instanceAwsCredentials, instanceMetadata } from "./instance-aws-credentials.ts";
import { parseCredentialJson, readCredentialFile } from "./read-credential-file.ts";
import { signAwsRequest } from "./sign-aws-request.ts";

type Json = GoogleCredentials["json"];

const what = "the subject token";

/** A token as text, or as one member of a JSON object. */
function formatted(text: string, source: Json): string {
  const { format } = source;
  const { type = "text", subject_token_field_name: name } = (format ?? {}) as Record<string, unknown>;
  if (type === "text") return text.trim();
  const token = typeof name === "string" ? parseCredentialJson(text, `the answer with ${what}`)[name] : undefined;
  if (typeof token === "string" && token !== "") return token;
  throw new SecretsError("invalid-argument", `${what} is not where credential_source says`, {
    hint: "Check format.subject_token_field_name in Google's credentials.",
  });
}

async function askedToken(url: string, source: Json, { tls }: GoogleCredentials, context: CallContext): Promise<string> {
  const given = Object.entries(typeof source.headers === "object" && source.headers !== null ? source.headers : {});
  const headers = Object.fromEntries(given.filter((header): header is [string, string] => typeof header[1] === "string"));
  const whom = "the service of the subject token";
  const response = await ask({ what: whom, url, tls, headers }, context);
  if (response.status === 200) return formatted(response.text(), source);
  throw signInError(response, whom, context, "Check credential_source in Google's credentials.");
}

/**
 * Proves an AWS identity by a signed request, which Google sends on.
 * https://cloud.google.com/iam/docs/workload-identity-federation-with-other-clouds
 */
async function awsToken(source: Json, { json, environment }: GoogleCredentials, context: CallContext): Promise<string> {
  if (source.environment_id !== "aws1") throw unsupportedGoogleType();
  const sessionUrl = optional(source, "imdsv2_session_token_url");
  const endpoint = sessionUrl === undefined ? undefined : parseAddress(sessionUrl, "the instance metadata service").origin;
  const instance = { environment, ...(endpoint === undefined ? {} : { endpoint }) };
  const hasKeys = environment.AWS_ACCESS_KEY_ID && environment.AWS_SECRET_ACCESS_KEY;
  const provider = endpoint === undefined || hasKeys ? awsCredentials({ environment }) : instanceAwsCredentials(instance);
  const region =
    awsRegionOf(environment) ?? (await instanceMetadata("/latest/meta-data/placement/region", instance, context)).text().trim();
  const url = parseAddress(demanded(source, "regional_cred_verification_url").replace("{region}", region), "AWS's token service");
  const audience = demanded(json, "audience");
  const headers = signAwsRequest(
    { method: "POST", host: url.host, path: url.pathname + url.search, headers: { "x-goog-cloud-target-resource": audience } },
    { credentials: await provider(context), region, service: "sts", signedAt: context.clock.now() },
  );
  const list = Object.entries(headers).map(([key, value]) => ({ key, value }));
  return encodeURIComponent(JSON.stringify({ url: url.href, method: "POST", headers: list }));
}

/**
 * The token of its own issuer that a workload shows to Google, read anew at each call.
 *
 * @throws SecretsError `unsupported` for a program that prints it and for a client certificate.
 * @see https://google.aip.dev/auth/4117
 */
export async function googleSubjectToken(credentials: GoogleCredentials, context: CallContext): Promise<string> {
  const source = demandedObject(credentials.json, "credential_source");
  if (source.environment_id !== undefined) return awsToken(source, credentials, context);
  const [file, url] = [optional(source, "file"), optional(source, "url")];
  if (file !== undefined) return formatted(await readCredentialFile(file, what), source);
  if (url !== undefined) return askedToken(url, source, credentials, context);
  throw unsupportedGoogleType();
}
