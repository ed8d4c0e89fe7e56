import { json } from "../https-service.ts";
import { type ConjurState, type Operation, roleOf, visible } from "./call.ts";
import { argumentError, ConjurError, empty, recordNotFound } from "./conjur-error.ts";
import { type LoadMode, loadPolicy } from "./load-policy.ts";
import { listResources, showResource } from "./resource-list.ts";

/** Policies, and what they made. */
export function createResourceOperations(state: ConjurState): Record<"load" | "list" | "show", Operation> {
  const { account, store, secrets } = state;
  const policyVersions = new Map<string, number>();
  let isLoading = false;

  const load: Operation = async ({ request, parts: [sentAccount, name] }) => {
    const role = roleOf(state, request);
    const id = `${sentAccount}:policy:${name}`;
    const mode = request.method as LoadMode;
    const resource = visible(state, role, id);
    if (resource === undefined) throw recordNotFound(id);
    if (!store.isAllowed(role, mode === "POST" ? "create" : "update", resource)) throw empty(403);
    if (isLoading) {
      const error = { code: "policy_conflict", message: "Concurrent policy load in progress, please retry" };
      throw new ConjurError(json(409, { error }, { "retry-after": "1" }));
    }
    isLoading = true;
    try {
      // Long enough for another load to meet it, also on a busy machine.
      await new Promise((resolve) => setTimeout(resolve, 100));
      const created = loadPolicy(store, id, request.body.toString(), mode, new Date(state.clock.now()).toISOString());
      const version = (policyVersions.get(id) ?? 0) + 1;
      policyVersions.set(id, version);
      return json(201, { created_roles: created, version });
    } finally {
      isLoading = false;
    }
  };

  const assumed = (role: string, asked: string | null): string => {
    if (asked === null || asked === "") return role;
    if (!store.hasRole(asked) || !store.allRoles(role).has(asked)) throw empty(403);
    return asked;
  };

  const list: Operation = ({ request, parts: [sentAccount, kind] }) => {
    const role = assumed(roleOf(state, request), request.query.get("role") ?? request.query.get("acting_as"));
    const wanted = kind ?? request.query.get("kind");
    const found = sentAccount === account ? listResources(store, role, wanted, request.query) : [];
    return json(
      200,
      request.query.get("count") === "true" ? { count: found.length } : found.map((entry) => showResource(entry, secrets)),
    );
  };

  const show: Operation = ({ request, parts: [sentAccount, kind, name] }) => {
    const role = roleOf(state, request);
    const id = `${sentAccount}:${kind}:${name}`;
    const resource = visible(state, role, id);
    if (resource === undefined) throw recordNotFound(id);
    const privilege = request.query.get("privilege");
    if (request.query.has("check")) {
      if (privilege === null) throw argumentError("privilege");
      return { status: store.isAllowed(assumed(role, request.query.get("role")), privilege, resource) ? 204 : 404 };
    }
    return json(200, showResource(resource, secrets));
  };

  return { load, list, show };
}
