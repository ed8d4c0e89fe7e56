import { generate } from "selfsigned";

/** A certificate under an authority, and that authority, as PEM text. */
export interface Certificates {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface CertificateOptions {
  /** Names and addresses the certificate is good for. By default localhost and 127.0.0.1. */
  readonly hosts?: readonly string[];
  /** The certificate ended an hour ago. Its authority is still good. */
  readonly expired?: boolean;
}

export interface CertificateAuthority {
  readonly ca: string;
  /** Issues a certificate that serves, and that signs a client in as its first host. */
  issue(options?: CertificateOptions): Promise<Certificates>;
}

const dayMs = 24 * 60 * 60 * 1000;
const isAddress = (host: string): boolean => /^[\d.]+$|:/.test(host);

/** Makes an authority in a few milliseconds. Nothing is written to disk. */
export async function certificateAuthority(): Promise<CertificateAuthority> {
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
  return {
    ca: authority.cert,
    async issue({ hosts = ["localhost", "127.0.0.1"], expired = false } = {}) {
      const issued = await generate([{ name: "commonName", value: hosts[0] ?? "localhost" }], {
        keyType: "ec",
        algorithm: "sha256",
        notBeforeDate: new Date(now - 2 * dayMs),
        notAfterDate: new Date(expired ? now - dayMs / 24 : now + 10 * dayMs),
        ca: { key: authority.private, cert: authority.cert },
        extensions: [
          { name: "basicConstraints", cA: false },
          { name: "keyUsage", digitalSignature: true },
          { name: "extKeyUsage", serverAuth: true, clientAuth: true },
          {
            name: "subjectAltName",
            altNames: hosts.map((host) => (isAddress(host) ? { type: 7, ip: host } : { type: 2, value: host })),
          },
        ],
      });
      return { ca: authority.cert, cert: issued.cert, key: issued.private };
    },
  };
}

/** Makes an authority of its own and one certificate under it. */
export async function makeCertificates(options?: CertificateOptions): Promise<Certificates> {
  return (await certificateAuthority()).issue(options);
}
