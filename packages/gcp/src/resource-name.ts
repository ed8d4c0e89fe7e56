import { type Locator, SecretsError } from "@keyhold/core";
import { notGoogles } from "./not-googles.ts";

/** A path: a secret's id in the provider's own project, or its whole resource name. */
export interface SecretPath {
  /** Undefined: the provider's own. */
  readonly project: string | undefined;
  readonly location: string | undefined;
  readonly secretId: string;
}

const whole = /^projects\/(?<project>[^/]+)(?:\/locations\/(?<location>[^/]+))?\/secrets\/(?<secretId>[^/]*)$/;
const projectPattern = /^[A-Za-z0-9][A-Za-z0-9.:-]{0,127}$/;

const refuse = (what: string, hint: string) => new SecretsError("invalid-argument", what, { provider: "gcp", hint });

/** Takes a path, or the start of one, apart. Undefined: it is neither an id nor a resource name, nor the start of an id. */
function splitPath(path: string): SecretPath | undefined {
  const { project, location, secretId = path } = whole.exec(path)?.groups ?? {};
  if (!/^[A-Za-z0-9_-]{0,255}$/.test(secretId)) return undefined;
  if (project !== undefined && !projectPattern.test(project)) return undefined;
  return { project, location, secretId };
}

/** The endpoint decides which region is asked, and a reference does not choose the host. */
function checkLocation(path: SecretPath, own: string | undefined): SecretPath {
  if (path.project === undefined || path.location === own) return path;
  throw refuse(
    "the secret lies in another location than the provider's",
    "Give gcp() the option location for regional secrets, and a provider of its own to each location.",
  );
}

/** @throws SecretsError `invalid-argument` for what can be no secret's name, and for one of another location. */
export function secretPath(path: string, location: string | undefined): SecretPath {
  const split = splitPath(path);
  if (split === undefined || split.secretId === "") {
    throw refuse(
      "this is no name of a secret",
      "A path is an id of letters, digits, - and _ (255 at most), or projects/P/secrets/S; a version is written ?version=3.",
    );
  }
  return checkLocation(split, location);
}

/** The start of a path. Undefined: no secret's name starts so. @throws SecretsError `invalid-argument` for another location. */
export function pathPrefix(prefix: string, location: string | undefined): SecretPath | undefined {
  const split = splitPath(prefix);
  return split && checkLocation(split, location);
}

/** What stands after `/versions/`: a number, `latest` or an alias. @throws SecretsError `invalid-argument`. */
export function versionId({ version, stage }: Locator): string {
  if (version !== undefined && !/^(?:[0-9]{1,19}|latest)$/.test(version)) {
    throw refuse("a version is a number or latest", "An alias is written ?stage=ALIAS.");
  }
  // An alias starts with a letter, so that it is never taken for a number.
  if (stage !== undefined && !/^[A-Za-z][A-Za-z0-9_-]{0,62}$/.test(stage)) {
    throw refuse("this is no alias", "An alias is a letter, then letters, digits, - and _; a version is written ?version=3.");
  }
  return version ?? stage ?? "latest";
}

/** The id or number at the end of a name that Google answered with. @throws SecretsError `decode` for none. */
export function lastSegment(name: string): string {
  const segment = name.slice(name.lastIndexOf("/") + 1);
  if (segment === "") throw notGoogles();
  return segment;
}

/** @throws SecretsError `invalid-argument` for what can be no project's id or number. */
export function checkedProject(project: string): string {
  if (projectPattern.test(project)) return project;
  throw refuse("this is no project", "Give projectId: the project's id, such as my-project-123, or its number.");
}
