import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { SecretManagerServiceClient } from "@google-cloud/secret-manager";
import { OAuth2Client } from "google-auth-library";
import { grpc } from "google-gax";

export interface BareOptions {
  readonly transport: "gRPC" | "REST";
  readonly port: number;
  readonly ca: string;
  readonly token: string;
  readonly timeoutMs: number;
}

/** Google's client as its documents set it up: the control for what Keyhold adds. */
export function bareClient({ transport, port, ca, token, timeoutMs }: BareOptions) {
  const authClient = new OAuth2Client();
  authClient.setCredentials({ access_token: token });
  // The REST transport takes no authority of its own.
  if (transport === "REST") setDefaultCACertificates([...getCACertificates("default"), ca]);
  const getRequestHeaders = async () => Object.fromEntries(await authClient.getRequestHeaders());
  const sslCreds = grpc.credentials.combineChannelCredentials(
    grpc.credentials.createSsl(Buffer.from(ca)),
    grpc.credentials.createFromGoogleCredential({ getRequestHeaders }),
  );
  const client = new SecretManagerServiceClient({
    apiEndpoint: "127.0.0.1",
    universeDomain: "googleapis.com",
    port,
    authClient,
    ...(transport === "REST" ? { fallback: true } : { sslCreds }),
  });
  return {
    async read(secretId: string): Promise<Uint8Array> {
      const name = `projects/test-project/secrets/${secretId}/versions/latest`;
      const [answer] = await client.accessSecretVersion({ name }, { retry: null as never, timeout: timeoutMs });
      return answer.payload?.data as Uint8Array;
    },
    close: () => client.close(),
  };
}
