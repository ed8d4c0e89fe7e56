import { type CallContext, isSecretsError } from "@keyhold/core";
import { httpClient } from "@keyhold/http";
import { noProject } from "./project.ts";

/** The project of a service account's key. */
async function projectInFile(file: string): Promise<string | undefined> {
  try {
    const text = await process.getBuiltinModule("node:fs/promises").readFile(file, "utf8");
    const { project_id: project } = JSON.parse(text) as { readonly project_id?: unknown };
    return typeof project === "string" ? project : undefined;
  } catch {
    // Whether the file is good is told where it signs in.
    return undefined;
  }
}

/** The project of this machine, function, service or pod. */
async function projectAtMetadataServer(context: CallContext): Promise<string> {
  const { GCE_METADATA_IP, GCE_METADATA_HOST, METADATA_SERVER_DETECTION } = process.env;
  if (METADATA_SERVER_DETECTION?.trim().toLowerCase() === "none") throw noProject();
  // Link-local, so nobody is on the way; and only the project's name is asked for.
  const http = httpClient({
    baseUrl: `http://${GCE_METADATA_IP || GCE_METADATA_HOST || "169.254.169.254"}`,
    allowPlainHttp: true,
    proxy: false,
  });
  const answerMs = 5_000;
  try {
    const response = await http.request(
      { path: "/computeMetadata/v1/project/project-id", headers: { "metadata-flavor": "Google" } },
      { ...context, deadlineAt: Math.min(context.deadlineAt, context.clock.monotonic() + answerMs) },
    );
    if (response.status === 200 && response.header("metadata-flavor") === "Google") return response.text().trim();
  } catch (error) {
    if (isSecretsError(error, "aborted", "closed")) throw error;
  } finally {
    http.close();
  }
  throw noProject();
}

/**
 * The project that a workload belongs to: its service account's key says so, or else the metadata server.
 * https://cloud.google.com/docs/authentication/application-default-credentials
 *
 * @throws SecretsError `invalid-argument` where neither does.
 */
export async function workloadProject(context: CallContext): Promise<string> {
  const file = process.env.GOOGLE_APPLICATION_CREDENTIALS;
  return (file && (await projectInFile(file))) || projectAtMetadataServer(context);
}
