// Reads one secret with everything logged that Google's libraries can log: node logging-child.ts OPTIONS
import { gcp } from "@keyhold/gcp";
import { callContext } from "@keyhold/testing";
import { type BareOptions, bareClient } from "./bare-client.ts";
import { bearer } from "./servers.ts";

const options = JSON.parse(process.argv[2] as string) as BareOptions & { readonly mode: "keyhold" | "bare" };
const { transport, port, ca, token } = options;

if (options.mode === "bare") {
  const bare = bareClient(options);
  console.log(`read ${(await bare.read("login")).length} bytes`);
  await bare.close();
} else {
  const provider = gcp({
    projectId: "test-project",
    credentials: bearer(token),
    apiEndpoint: `127.0.0.1:${port}`,
    fallback: transport === "REST",
    tls: { ca },
  });
  const { content } = await provider.read({ path: "login" }, callContext());
  if (content.kind === "opaque") console.log(`read ${content.value.length} bytes`);
  await provider.write!({ path: "written" }, content, {}, callContext());
  await provider.close?.();
}
// The REST transport of Google's library never ends its sockets.
process.exit();
