// What `keyhold run` reads from, for jobs beside the service: keyhold run -- python3 train.py
import { readFile } from "node:fs/promises";
import { appRoleAuth, vault } from "@keyhold/vault";
import { defineConfig } from "keyhold";

const { BAO_ROLE_ID = "", BAO_SECRET_ID_FILE = "" } = process.env;

export default defineConfig({
  providers: {
    vault: vault({ auth: appRoleAuth({ roleId: BAO_ROLE_ID, secretId: () => readFile(BAO_SECRET_ID_FILE, "utf8") }) }),
  },
});
