import { type Locator, SecretsError } from "@keyhold/core";

export interface SecretName {
  /** Undefined: the default one. */
  readonly namespace?: string;
  readonly name: string;
}

// RFC 1123, as Kubernetes reads it: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
const label = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
const subdomain = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;
const fieldName = /^(?!\.$|\.\.)[-._a-zA-Z0-9]{1,253}$/;

const refuse = (message: string, hint: string) => new SecretsError("invalid-argument", message, { provider: "kubernetes", hint });

/** @throws SecretsError `invalid-argument` for what cannot be a namespace. */
export function checkedNamespace(namespace: string): string {
  if (label.test(namespace)) return namespace;
  throw refuse("this is no name of a namespace", "A namespace has 1 to 63 lower-case letters, digits and inner hyphens.");
}

/** The secret that a path names: `name`, or `namespace/name`. @throws SecretsError `invalid-argument`. */
export function parsePath(path: string): SecretName {
  const [first = "", second, ...rest] = path.split("/");
  const name = second ?? first;
  if (rest.length > 0 || name.length > 253 || !subdomain.test(name)) {
    throw refuse(
      "this is no name of a Kubernetes Secret",
      "Write name or namespace/name: lower-case letters, digits, inner hyphens and dots, at most 253 characters (RFC 1123).",
    );
  }
  return second === undefined ? { name } : { namespace: checkedNamespace(first), name };
}

/** The same for a locator. @throws SecretsError `unsupported` for a version or a stage. */
export function parseLocator({ path, version, stage }: Locator): SecretName {
  if (version === undefined && stage === undefined) return parsePath(path);
  throw new SecretsError("unsupported", "Kubernetes keeps no older versions of a Secret", {
    provider: "kubernetes",
    hint: "Leave ?version= and ?stage= out: only the current version can be read.",
  });
}

/** @throws SecretsError `invalid-argument` for what cannot be the key of a Secret's data. */
export function checkFieldName(name: string): void {
  if (fieldName.test(name)) return;
  throw refuse(
    "a field has a name that Kubernetes refuses",
    "Use letters, digits, hyphens, underscores and dots, at most 253, not starting with two dots.",
  );
}
