import type { Weather } from "../figures/subject.ts";

/** What Secrets Manager answers a GetSecretValue with: https://docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html */
export function serviceAnswer(weather: Weather, name: string): { readonly status: number; readonly body: string } {
  if (weather === "503") return { status: 503, body: JSON.stringify({ __type: "ServiceUnavailable" }) };
  if (weather === "403") return { status: 400, body: JSON.stringify({ __type: "AccessDeniedException" }) };
  const versionId = "00000000-0000-4000-8000-000000000000";
  const found = { Name: name, VersionId: versionId, SecretString: "value", VersionStages: ["AWSCURRENT"] };
  return { status: 200, body: JSON.stringify(found) };
}

export const answerHeaders = { "content-type": "application/x-amz-json-1.1" };
