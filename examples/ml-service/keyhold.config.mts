// What `keyhold run` reads from, for jobs beside the service: keyhold run -- python3 train.py
import { defineConfig } from "keyhold";
import { openBao } from "./open-secrets.ts";

export default defineConfig({ providers: { vault: openBao() } });
