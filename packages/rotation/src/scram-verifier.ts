/** As many as PostgreSQL itself takes. */
const iterations = 4096;

/**
 * What PostgreSQL stores for a password, so that the password itself never travels in a statement, nor stands in the server's log.
 * For ASCII, which SASLprep leaves as it is. https://www.rfc-editor.org/rfc/rfc5803
 */
export async function scramVerifier(password: string): Promise<string> {
  const { createHash, createHmac, pbkdf2, randomBytes } = process.getBuiltinModule("node:crypto");
  const salt = randomBytes(16);
  const salted = await new Promise<Buffer>((resolve, reject) => {
    pbkdf2(password, salt, iterations, 32, "sha256", (error, key) => (error ? reject(error) : resolve(key)));
  });
  const keyed = (what: string) => createHmac("sha256", salted).update(what).digest();
  const storedKey = createHash("sha256").update(keyed("Client Key")).digest("base64");
  return `SCRAM-SHA-256$${iterations}:${salt.toString("base64")}$${storedKey}:${keyed("Server Key").toString("base64")}`;
}
