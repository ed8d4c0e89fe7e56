import { aws } from "@keyhold/aws/lean";
import { createSecrets } from "@keyhold/core";

const provider = aws({ agent: { socketPath: process.env.COLD_SOCKET, token: "bench" } });

export const first = async () => (await createSecrets({ providers: { aws: provider } }).get("aws://prod/app")).text();
