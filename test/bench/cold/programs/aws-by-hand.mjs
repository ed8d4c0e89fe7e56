// Signature Version 4 for one kind of request.
import { request } from "./by-hand.mjs";

export function awsCall(operation, input, { accessKeyId, secretAccessKey, sessionToken }) {
  const { createHash, createHmac } = process.getBuiltinModule("node:crypto");
  const port = process.env.COLD_HTTPS;
  const region = "eu-west-1";
  const body = JSON.stringify(input);
  const now = new Date().toISOString().replace(/[-:]|\.\d{3}/g, "");
  const headers = {
    "content-type": "application/x-amz-json-1.1",
    host: `127.0.0.1:${port}`,
    "x-amz-date": now,
    ...(sessionToken === undefined ? {} : { "x-amz-security-token": sessionToken }),
    "x-amz-target": `secretsmanager.${operation}`,
  };
  const names = Object.keys(headers).join(";");
  const hash = (text) => createHash("sha256").update(text).digest("hex");
  const mac = (key, text) => createHmac("sha256", key).update(text).digest();
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`);
  const canonical = `POST\n/\n\n${lines.join("")}\n${names}\n${hash(body)}`;
  const scope = `${now.slice(0, 8)}/${region}/secretsmanager/aws4_request`;
  const toSign = `AWS4-HMAC-SHA256\n${now}\n${scope}\n${hash(canonical)}`;
  const key = scope.split("/").reduce(mac, `AWS4${secretAccessKey}`);
  const signature = mac(key, toSign).toString("hex");
  const authorization = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  return request({ port, method: "POST", path: "/", headers: { ...headers, authorization }, body });
}
