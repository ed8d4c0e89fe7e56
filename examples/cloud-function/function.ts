// A function of Google Cloud: its secrets are read while it starts, and held between requests.
import { http } from "@google-cloud/functions-framework";
import { createSecrets } from "@keyhold/core";
import { gcp } from "@keyhold/gcp/lean";

// In the cloud gcp() is enough: project, token and address are found there.
const apiEndpoint = process.env.SECRET_MANAGER;
// An instance lives for hours. While Google does not answer, what is held goes on serving.
const cache = { ttlMs: Number(process.env.TTL_MS ?? 120_000) };
const secrets = createSecrets({ providers: { gcp: gcp(apiEndpoint ? { apiEndpoint } : {}) }, cache });
const references = ["gcp://openai", "gcp://db#password"] as const;
secrets.warm(references);

http("answer", async (_request, response) => {
  try {
    const [apiKey, password] = await secrets.getMany(references);
    console.log("answering with", apiKey);
    response.json({ apiKey: apiKey.version, password: password.version });
  } catch (error) {
    // The instance lives on; the next request tries again.
    console.error(error);
    response.status(503).json({ error: "a secret could not be read" });
  }
});
