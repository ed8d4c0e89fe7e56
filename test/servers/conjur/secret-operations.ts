import { isUtf8 } from "node:buffer";
import { json } from "../https-service.ts";
import { type ConjurState, type Operation, roleOf, visible } from "./call.ts";
import { argumentError, empty, notAcceptable, recordNotFound, secretNotFound } from "./conjur-error.ts";

/** Reading, writing and batches of values. */
export function createSecretOperations(state: ConjurState): Record<"readSecret" | "writeSecret" | "readBatch", Operation> {
  const { store, secrets } = state;

  const readSecret: Operation = ({ request, parts: [sentAccount, kind, name] }) => {
    const role = roleOf(state, request);
    const id = `${sentAccount}:${kind}:${name}`;
    const resource = visible(state, role, id);
    if (resource === undefined) throw secretNotFound(id);
    if (!store.isAllowed(role, "execute", resource)) throw empty(403);
    const asked = request.query.get("version");
    if (asked !== null && !/^[+-]?\d+$/.test(asked)) throw argumentError("invalid type for parameter 'version'");
    const found = secrets.get(id, asked === null ? undefined : Number(asked));
    if (found === undefined) throw secretNotFound(id);
    const type = resource.annotations["conjur/mime_type"] ?? "application/octet-stream";
    return { status: 200, headers: { "content-type": type, "content-transfer-encoding": "binary" }, body: found.value };
  };

  const writeSecret: Operation = ({ request, parts: [sentAccount, kind, name] }) => {
    const role = roleOf(state, request);
    const id = `${sentAccount}:${kind}:${name}`;
    const resource = visible(state, role, id);
    if (resource === undefined) throw recordNotFound(id);
    if (!store.isAllowed(role, "update", resource)) throw empty(403);
    // This expires what is there, and writes nothing.
    if (request.query.has("expirations")) return { status: 201 };
    if (/^[\t\n\v\f\r ]*$/.test(request.body.toString("latin1"))) throw argumentError("'value' may not be empty");
    secrets.put(id, request.body);
    return { status: 201 };
  };

  const readBatch: Operation = ({ request }) => {
    const role = roleOf(state, request);
    // Split after decoding, and without what is empty at the end, as the service's language does it.
    const ids = (request.query.get("variable_ids") ?? "").replace(/,+$/, "").split(",");
    if (ids.includes("")) throw argumentError("variable_ids");
    if (new Set(ids).size < ids.length) throw empty(500);
    const found = ids.map((id) => store.resources.get(id)).filter((resource) => resource !== undefined);
    if (!found.every((resource) => store.isAllowed(role, "execute", resource))) throw empty(403);
    const missing = ids.find((id) => !secrets.get(id));
    if (missing !== undefined) throw secretNotFound(ids.find((id) => !store.resources.has(id)) ?? missing);
    const values = found.map(({ id }): [string, Buffer] => [id, secrets.get(id)?.value ?? Buffer.alloc(0)]);
    if (request.headers["accept-encoding"]?.toLowerCase() === "base64") {
      const lines = (value: Buffer) => value.toString("base64").replace(/.{1,60}/g, "$&\n");
      return json(200, Object.fromEntries(values.map(([id, value]) => [id, lines(value)])), { "content-encoding": "base64" });
    }
    if (!values.every(([, value]) => isUtf8(value))) throw notAcceptable();
    return json(200, Object.fromEntries(values.map(([id, value]) => [id, value.toString()])));
  };

  return { readSecret, writeSecret, readBatch };
}
