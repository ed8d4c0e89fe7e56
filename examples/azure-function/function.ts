// A function of Azure in the programming model 4: its secrets are read while the worker starts, and held between invocations.
import { app, type HttpRequest, type HttpResponseInit, type InvocationContext } from "@azure/functions";
import { secrets } from "./vault.ts";

const references = ["azure://openai", "azure://db#password"] as const;
secrets.warm(references);

export async function answer(_request: HttpRequest, context: InvocationContext): Promise<HttpResponseInit> {
  try {
    const [apiKey, password] = await secrets.getMany(references);
    context.log("answering with", apiKey);
    return { jsonBody: { apiKey: apiKey.version, password: password.version } };
  } catch (error) {
    // The worker lives on; the next invocation tries again.
    context.error(error);
    return { status: 503, jsonBody: { error: "a secret could not be read" } };
  }
}

app.http("answer", { methods: ["GET"], authLevel: "function", handler: answer });
