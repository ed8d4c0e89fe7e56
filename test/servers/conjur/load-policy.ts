import { policyInvalid, splitId, validationFailed } from "./conjur-error.ts";
import { type Policy, type PolicyRelation, readPolicy } from "./read-policy.ts";
import type { RoleStore } from "./role-store.ts";

/** POST adds; PATCH also changes and deletes what it names; PUT also deletes what it does not name. */
export type LoadMode = "POST" | "PATCH" | "PUT";

export type CreatedRoles = Record<string, { readonly id: string; readonly api_key: string }>;

const key = (relation: PolicyRelation): string => JSON.stringify(relation);

/** Loads a policy into the store, or throws and leaves it as it was. */
export function loadPolicy(store: RoleStore, policyId: string, text: string, mode: LoadMode, createdAt: string): CreatedRoles {
  if (text === "") throw validationFailed("policy_text", "is not present");
  const [account, , name] = splitId(policyId);
  const isRoot = name === "root";
  const owner = isRoot ? (store.resources.get(policyId)?.owner ?? "") : policyId;
  const policy = readPolicy(text, account, isRoot ? undefined : name, owner);
  const deletions = policy.relations.filter(({ kind }) => ["delete", "deny", "revoke"].includes(kind));
  if (mode === "POST" && deletions.length > 0) throw validationFailed("policy_text", "may not contain deletion statements");
  checkReferences(store, policy);

  if (mode === "PUT") removeUnnamed(store, policyId, policy);
  const created: CreatedRoles = {};
  for (const record of policy.records) {
    const known = store.resources.get(record.id);
    if (known === undefined) {
      const annotations = { ...record.annotations };
      const apiKey = store.create({
        id: record.id,
        owner: record.owner,
        policy: policyId,
        annotations,
        permissions: [],
        createdAt,
      });
      if (apiKey !== undefined) created[record.id] = { id: record.id, api_key: apiKey };
    } else if (mode !== "POST") {
      known.owner = record.owner;
      Object.assign(known.annotations, record.annotations);
    }
  }
  for (const relation of policy.relations) apply(store, policyId, relation);
  return created;
}

function checkReferences(store: RoleStore, { records, relations }: Policy): void {
  const named = new Set(records.map(({ id }) => id));
  const demand = (id: string): void => {
    if (named.has(id) || store.resources.has(id)) return;
    const [account, kind, name] = splitId(id);
    throw policyInvalid(`${kind.charAt(0).toUpperCase()}${kind.slice(1)} '${name}' not found in account '${account}'`);
  };
  for (const { owner } of records) demand(owner);
  for (const relation of relations) {
    if (relation.kind === "grant") for (const id of [relation.role, relation.member]) demand(id);
    if (relation.kind === "permit") for (const id of [relation.role, relation.resource]) demand(id);
  }
}

function removeUnnamed(store: RoleStore, policyId: string, { records, relations }: Policy): void {
  const named = new Set(records.map(({ id }) => id));
  for (const { id, policy } of [...store.resources.values()]) if (policy === policyId && !named.has(id)) store.remove(id);
  const kept = new Set(relations.map(key));
  store.memberships = store.memberships.filter(
    ({ role, member, policy }) => policy !== policyId || kept.has(key({ kind: "grant", role, member })),
  );
  for (const resource of store.resources.values()) {
    resource.permissions = resource.permissions.filter(
      ({ role, privilege, policy }) =>
        policy !== policyId || kept.has(key({ kind: "permit", role, resource: resource.id, privilege })),
    );
  }
}

function apply(store: RoleStore, policy: string, relation: PolicyRelation): void {
  switch (relation.kind) {
    case "delete":
      store.remove(relation.id);
      return;
    case "grant":
    case "revoke": {
      const { role, member } = relation;
      const others = store.memberships.filter((entry) => entry.role !== role || entry.member !== member);
      store.memberships = relation.kind === "grant" ? [...others, { role, member, policy }] : others;
      return;
    }
    case "permit":
    case "deny": {
      const { role, privilege } = relation;
      const resource = store.resources.get(relation.resource);
      if (resource === undefined) return;
      const others = resource.permissions.filter((entry) => entry.role !== role || entry.privilege !== privilege);
      resource.permissions = relation.kind === "permit" ? [...others, { privilege, role, policy }] : others;
    }
  }
}
