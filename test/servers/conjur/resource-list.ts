import { argumentError, ConjurError, splitId } from "./conjur-error.ts";
import type { Resource, RoleStore } from "./role-store.ts";
import type { SecretStore } from "./secret-store.ts";

/** The service's default for the longest list. */
const longestList = 1000;

/** A resource as the service shows it: everything but values. */
export function showResource(resource: Resource, secrets: SecretStore): object {
  const { id, owner, policy, annotations, permissions, createdAt } = resource;
  const [, kind] = splitId(id);
  return {
    created_at: createdAt,
    id,
    owner,
    ...(policy !== undefined && { policy }),
    permissions,
    annotations: Object.entries(annotations).map(([name, value]) => ({ name, value, ...(policy !== undefined && { policy }) })),
    ...(kind === "variable" && { secrets: secrets.versions(id).map(({ version }) => ({ version, expires_at: null })) }),
    ...(kind === "policy" && { policy_versions: [] }),
    ...((kind === "user" || kind === "host") && { restricted_to: [] }),
  };
}

/** Words of an id or an annotation, as the service's text search cuts them. */
const words = (text: string): string[] =>
  text
    .toLowerCase()
    .split(/[\s./:-]+/)
    .filter(Boolean);

function wholeNumber(query: URLSearchParams, name: "limit" | "offset", least: number): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  if (!/^-?\d+$/.test(text) || Number(text) < least) throw argumentError(`'${name}' contains an invalid value.`);
  return Number(text);
}

/** What a role sees, by kind, words, offset and limit, in the order of ids. */
export function listResources(store: RoleStore, role: string, kind: string | null, query: URLSearchParams): Resource[] {
  const limit = wholeNumber(query, "limit", 1);
  const offset = wholeNumber(query, "offset", 0);
  if ((limit ?? 0) > longestList && query.get("count") !== "true") {
    throw new ConjurError(argumentError(`'Limit' parameter must not exceed ${longestList}`).answer);
  }
  const wanted = words(query.get("search") ?? "");
  const matches = ({ id, annotations }: Resource): boolean => {
    const own = new Set([...words(id), ...Object.values(annotations).flatMap(words)]);
    return wanted.every((word) => own.has(word));
  };
  const held = store.allRoles(role);
  const all = [...store.resources.values()]
    .filter((resource) => kind === null || splitId(resource.id)[1] === kind)
    .filter((resource) => held.has(resource.owner) || resource.permissions.some((permission) => held.has(permission.role)))
    .filter(matches)
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  if (query.get("count") === "true") return all;
  const from = offset ?? 0;
  // An offset without a limit means ten.
  return all.slice(from, from + (limit ?? (offset === undefined ? longestList : 10)));
}
