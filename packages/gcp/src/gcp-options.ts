/** What signs requests: every auth client of google-auth-library, and `GoogleAuth` itself, fits as it is. */
export interface GoogleCredentialsLike {
  /**
   * The headers of a request, with `authorization`. `url` is the service, for tokens that name whom they are for. Called for each
   * request, so it keeps its token as long as that is good.
   */
  getRequestHeaders(url: string): Promise<Iterable<readonly [string, string]> | Readonly<Record<string, string>>>;
}

export interface GcpOptions {
  /** The project of secrets that are named by their id alone. Default: GOOGLE_CLOUD_PROJECT, or the default credentials' own. */
  readonly projectId?: string;
  /** The region of regional secrets, such as `europe-west3`, whose own endpoint is asked. Default: secrets that are not regional. */
  readonly location?: string;
  /** Default: Google's application default credentials, with GOOGLE_APPLICATION_CREDENTIALS for a file. */
  readonly credentials?: GoogleCredentialsLike;
  /** Another address of the service, as `host` or `host:port`: Private Service Connect, or a test server. */
  readonly apiEndpoint?: string;
  /** REST over HTTP/1.1 instead of gRPC, for networks that let no HTTP/2 through. Default: false. */
  readonly fallback?: boolean;
  /** The authorities to trust instead of the well-known ones, as PEM text. */
  readonly tls?: { readonly ca?: string | readonly string[] };
  /** The locations that hold secrets which `write` creates. Default: Google's choice (automatic replication). */
  readonly replicaLocations?: readonly string[];
}
