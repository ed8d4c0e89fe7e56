import { awsCall } from "./aws-by-hand.mjs";

const keys = { accessKeyId: "AKIAKEYHOLDBENCH0000", secretAccessKey: "bench" };

export const first = async () => (await awsCall("GetSecretValue", { SecretId: "prod/app" }, keys)).json.SecretString;
