/** A local agent that reads and holds secrets for everybody on this machine. */
export interface AgentOptions {
  /** Where it listens. Default: 127.0.0.1 at PARAMETERS_SECRETS_EXTENSION_HTTP_PORT, or at 2773. */
  readonly address?: string;
  /** Connects to this Unix socket instead. */
  readonly socketPath?: string;
  /**
   * The token that it wants. Default: as the agent itself finds it, which is AWS_TOKEN, AWS_SESSION_TOKEN or
   * AWS_CONTAINER_AUTHORIZATION_TOKEN, each the token or the `file://` that holds it; then `/var/run/awssmatoken`.
   */
  readonly token?: string;
  /** A file that holds the token; read anew at each call. */
  readonly tokenFile?: string;
  /** Lets the agent ask AWS at each read, whatever it holds. Default: false, and what it gives may be as old as its time to live. */
  readonly refreshNow?: boolean;
}
