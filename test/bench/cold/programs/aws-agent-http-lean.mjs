import { aws } from "@keyhold/aws/lean";
import { createSecrets } from "@keyhold/core";

const provider = aws({ agent: { address: `http://127.0.0.1:${process.env.COLD_HTTP}`, token: "bench" } });

export const first = async () => (await createSecrets({ providers: { aws: provider } }).get("aws://prod/app")).text();
