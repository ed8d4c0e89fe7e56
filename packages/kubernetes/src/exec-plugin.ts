import { type CallContext, type Clock, SecretsError } from "@keyhold/core";
import type { Credential, CredentialSource } from "./credentials.ts";
import { untilEnded } from "./until-ended.ts";

/** The `exec` of a kubeconfig's user. https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/#ExecConfig */
export interface ExecPlugin {
  readonly apiVersion: string;
  /** Absolute, or a name in PATH. */
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly installHint: string | undefined;
  /** What the plugin is told of the cluster, where it asks to be told. */
  readonly cluster: object | undefined;
}

interface Answer {
  readonly credential: Credential;
  /** Milliseconds since 1970. */
  readonly expiresAt: number | undefined;
}

const timeoutMs = 60_000;
const maxBytes = 1024 * 1024;
/** A credential that ends in the middle of a request is of no use. */
const earlyMs = 10_000;

const fail = (message: string, hint: string) =>
  new SecretsError("unauthenticated", `the credential plugin ${message}`, { provider: "kubernetes", hint });

/** Runs the program. What it prints to stderr is not shown: plugins print tokens there when they fail. */
function run(plugin: ExecPlugin, signal: AbortSignal): Promise<string> {
  const { execFile } = process.getBuiltinModule("node:child_process");
  const { apiVersion, cluster } = plugin;
  const info = { apiVersion, kind: "ExecCredential", spec: { interactive: false, ...(cluster ? { cluster } : {}) } };
  const env = { ...process.env, ...plugin.env, KUBERNETES_EXEC_INFO: JSON.stringify(info) };
  return new Promise((resolve, reject) => {
    const options = { env, signal, timeout: timeoutMs, maxBuffer: maxBytes, windowsHide: true, encoding: "utf8" as const };
    const child = execFile(plugin.command, plugin.args, options, (error, stdout) => {
      if (error === null) return resolve(stdout);
      const { code, killed } = error as { readonly code?: unknown; readonly killed?: boolean };
      if (signal.aborted) return reject(new SecretsError("closed", "this provider is closed", { provider: "kubernetes" }));
      if (code === "ENOENT")
        return reject(fail("is not installed", plugin.installHint ?? "Install the program that the kubeconfig's exec names."));
      if (killed) return reject(fail("printed too much, or did not end in a minute", "Run its command by hand to see why."));
      const status = typeof code === "number" ? `ended with status ${code}` : "cannot be run";
      return reject(fail(status, plugin.installHint ?? "Run its command by hand to see why."));
    });
    child.stdin?.on("error", () => {});
    child.stdin?.end();
  });
}

/** https://kubernetes.io/docs/reference/config-api/client-authentication.v1/#ExecCredential */
function parse(output: string, apiVersion: string): Answer {
  const wrong = fail("gave no ExecCredential", `It prints JSON of the kind ExecCredential, of ${apiVersion}.`);
  let found: unknown;
  try {
    found = JSON.parse(output);
  } catch {
    throw wrong;
  }
  const answer = (found ?? {}) as { kind?: unknown; apiVersion?: unknown; status?: Readonly<Record<string, unknown>> };
  const { status } = answer;
  if (answer.kind !== "ExecCredential" || answer.apiVersion !== apiVersion || typeof status !== "object" || status === null)
    throw wrong;
  const text = (name: string): string | undefined => {
    const value = status[name] ?? undefined;
    if (value !== undefined && typeof value !== "string") throw wrong;
    return value === "" ? undefined : value;
  };
  const [token, cert, key] = [text("token"), text("clientCertificateData"), text("clientKeyData")];
  if ((cert === undefined) !== (key === undefined) || (token === undefined && cert === undefined)) throw wrong;
  const end = text("expirationTimestamp");
  const expiresAt = end === undefined ? undefined : Date.parse(end);
  if (Number.isNaN(expiresAt)) throw wrong;
  return { credential: { ...(token ? { token } : {}), ...(cert && key ? { cert, key } : {}) }, expiresAt };
}

/**
 * Credentials from a program, run when the last ones have expired or were refused; once for any number of callers.
 * https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
 */
export function execCredentials(plugin: ExecPlugin): CredentialSource {
  const closing = new AbortController();
  let held: Answer | undefined;
  let running: Promise<Answer> | undefined;

  const isGood = ({ expiresAt }: Answer, clock: Clock) => expiresAt === undefined || expiresAt - earlyMs > clock.now();
  const start = () => {
    running = run(plugin, closing.signal)
      .then((output) => {
        held = parse(output, plugin.apiVersion);
        return held;
      })
      .finally(() => {
        running = undefined;
      });
    return running;
  };

  return {
    async current(context: CallContext) {
      if (held && isGood(held, context.clock)) return held.credential;
      return (await untilEnded(running ?? start(), context)).credential;
    },
    refused(credential) {
      if (held?.credential === credential) held = undefined;
    },
    close: () => closing.abort(),
  };
}
