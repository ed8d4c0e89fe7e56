import { randomBytes } from "node:crypto";
import { splitId } from "./conjur-error.ts";

export interface Permission {
  readonly privilege: string;
  readonly role: string;
  readonly policy: string;
}

export interface Resource {
  readonly id: string;
  readonly createdAt: string;
  policy: string | undefined;
  owner: string;
  annotations: Record<string, string>;
  permissions: Permission[];
}

export interface Membership {
  readonly role: string;
  readonly member: string;
  readonly policy: string;
}

interface Role {
  apiKey?: string;
}

/** Kinds that can hold other roles and be held; the rest are resources alone. */
const roleKinds = new Set(["user", "host", "layer", "group", "policy", "host_factory"]);
/** Kinds that can sign in. */
const actorKinds = new Set(["user", "host"]);

const newApiKey = (): string =>
  BigInt(`0x${randomBytes(40).toString("hex")}`)
    .toString(32)
    .padStart(60, "1");

/** Who there is, what there is, and who may do what. Ids are ACCOUNT:KIND:IDENTIFIER. */
export class RoleStore {
  readonly resources = new Map<string, Resource>();
  readonly #roles = new Map<string, Role>();
  memberships: Membership[] = [];
  /** Told which resources have gone. */
  readonly #removed: (id: string) => void;

  constructor(removed: (id: string) => void) {
    this.#removed = removed;
  }

  /** The new actor's API key, or undefined where there is none. */
  create(resource: Resource): string | undefined {
    const [, kind] = splitId(resource.id);
    this.resources.set(resource.id, resource);
    if (!roleKinds.has(kind)) return undefined;
    const role: Role = actorKinds.has(kind) ? { apiKey: newApiKey() } : {};
    this.#roles.set(resource.id, role);
    return role.apiKey;
  }

  hasRole(id: string): boolean {
    return this.#roles.has(id);
  }

  apiKey(id: string): string | undefined {
    return this.#roles.get(id)?.apiKey;
  }

  rotateApiKey(id: string): string | undefined {
    const role = this.#roles.get(id);
    if (role?.apiKey === undefined) return undefined;
    role.apiKey = newApiKey();
    return role.apiKey;
  }

  /** With what it owns and what its policy brought, all the way down. */
  remove(id: string): void {
    if (!this.resources.delete(id)) return;
    this.#roles.delete(id);
    this.memberships = this.memberships.filter(({ role, member }) => role !== id && member !== id);
    for (const resource of this.resources.values()) resource.permissions = resource.permissions.filter(({ role }) => role !== id);
    this.#removed(id);
    for (const resource of [...this.resources.values()])
      if (resource.owner === id || resource.policy === id) this.remove(resource.id);
  }

  /** Every role that this one holds, itself among them. An owner holds what it owns. */
  allRoles(id: string): Set<string> {
    const held = new Set<string>();
    const queue = [id];
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      if (held.has(next)) continue;
      held.add(next);
      for (const { role, member } of this.memberships) if (member === next) queue.push(role);
      for (const resource of this.resources.values())
        if (resource.owner === next && this.hasRole(resource.id)) queue.push(resource.id);
    }
    return held;
  }

  isAllowed(roleId: string, privilege: string, resource: Resource): boolean {
    const held = this.allRoles(roleId);
    return (
      held.has(resource.owner) || resource.permissions.some((entry) => entry.privilege === privilege && held.has(entry.role))
    );
  }

  /** Any permission makes a resource visible. */
  isVisible(roleId: string, resource: Resource): boolean {
    const held = this.allRoles(roleId);
    return held.has(resource.owner) || resource.permissions.some(({ role }) => held.has(role));
  }
}

/** `alice` is a user, `host/app` a host. */
export function roleOfLogin(account: string, login: string): string {
  const slash = login.indexOf("/");
  return slash < 0 ? `${account}:user:${login}` : `${account}:${login.slice(0, slash)}:${login.slice(slash + 1)}`;
}
