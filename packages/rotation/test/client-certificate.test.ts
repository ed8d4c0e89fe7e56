import { type Json, secret } from "@keyhold/core";
import { describe, expect, it } from "vitest";
import { makeCertificates } from "../../../test/servers/certificates.ts";
import { clientCertificate } from "../src/client-certificate.ts";

const trimmed = ({ cert, key }: { cert: string; key: string }) => ({ cert: cert.trim(), key: key.trim() });
const document = (value: Json) => secret(JSON.stringify(value));

describe("a client certificate", () => {
  it("is found in one text, in Kubernetes's fields, and in Vault's with those that issued it", async () => {
    const { ca, cert, key } = trimmedAll(await makeCertificates());
    const own = { cert, key };
    expect(trimmed(clientCertificate(secret(`${key}\n${cert}\n`)))).toEqual(own);
    expect(trimmed(clientCertificate(document({ "tls.key": key, "tls.crt": cert })))).toEqual(own);
    const vault = { ca_chain: [ca], certificate: cert, issuing_ca: ca, private_key: key, expiration: 1 };
    expect(trimmed(clientCertificate(document(vault)))).toEqual({ cert: `${cert}\n${ca}`, key });
  });

  it("is refused as decode where there is none, or two keys, and quotes nothing", async () => {
    const [one, other] = [await makeCertificates(), await makeCertificates()];
    for (const value of ["text", `${one.cert}`, one.key, `${one.cert}${one.key}${other.key}`, '{"a":1}', "[]"]) {
      let thrown: unknown;
      try {
        clientCertificate(secret(value));
      } catch (error) {
        thrown = error;
      }
      expect(thrown, value.slice(0, 20)).toMatchObject({ code: "decode" });
      expect(JSON.stringify(thrown)).not.toContain("BEGIN");
    }
  });
});

function trimmedAll({ ca, cert, key }: { ca: string; cert: string; key: string }) {
  return { ca: ca.trim(), cert: cert.trim(), key: key.trim() };
}
