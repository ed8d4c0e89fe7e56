import { generate } from "selfsigned";

/** A certificate authority of its own and one server certificate under it, as PEM text. */
export interface Certificates {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface CertificateOptions {
  /** Names and addresses the server certificate is good for. By default localhost and 127.0.0.1. */
  readonly hosts?: readonly string[];
  /** The server certificate ended an hour ago. Its authority is still good. */
  readonly expired?: boolean;
}

const dayMs = 24 * 60 * 60 * 1000;
const isAddress = (host: string): boolean => /^[\d.]+$|:/.test(host);

/** Makes new certificates in a few milliseconds. Nothing is written to disk. */
export async function makeCertificates(options: CertificateOptions = {}): Promise<Certificates> {
  const hosts = options.hosts ?? ["localhost", "127.0.0.1"];
  const now = Date.now();
  const authority = await generate([{ name: "commonName", value: "Keyhold test authority" }], {
    keyType: "ec",
    algorithm: "sha256",
    notBeforeDate: new Date(now - 30 * dayMs),
    notAfterDate: new Date(now + 30 * dayMs),
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  const server = await generate([{ name: "commonName", value: hosts[0] ?? "localhost" }], {
    keyType: "ec",
    algorithm: "sha256",
    notBeforeDate: new Date(now - 2 * dayMs),
    notAfterDate: new Date(options.expired ? now - dayMs / 24 : now + 10 * dayMs),
    ca: { key: authority.private, cert: authority.cert },
    extensions: [
      { name: "basicConstraints", cA: false },
      { name: "keyUsage", digitalSignature: true },
      { name: "extKeyUsage", serverAuth: true },
      {
        name: "subjectAltName",
        altNames: hosts.map((host) => (isAddress(host) ? { type: 7, ip: host } : { type: 2, value: host })),
      },
    ],
  });
  return { ca: authority.cert, cert: server.cert, key: server.private };
}
