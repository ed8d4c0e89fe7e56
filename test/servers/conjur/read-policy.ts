import { isAlias, isMap, isScalar, isSeq, type Node, parseDocument } from "yaml";
import { policyInvalid } from "./conjur-error.ts";

/** A tagged piece of policy: `!host app` is { tag: "host", id: "app" }, a tagged mapping has its fields too. */
export interface Statement {
  readonly tag: string;
  readonly id: string;
  readonly [field: string]: any;
}

/** Something to be, with its full id. */
export interface PolicyRecord {
  readonly id: string;
  readonly owner: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Something that holds between records, or must no longer. */
export type PolicyRelation =
  | { readonly kind: "grant" | "revoke"; readonly role: string; readonly member: string }
  | { readonly kind: "permit" | "deny"; readonly role: string; readonly privilege: string; readonly resource: string }
  | { readonly kind: "delete"; readonly id: string };

export interface Policy {
  readonly records: readonly PolicyRecord[];
  readonly relations: readonly PolicyRelation[];
}

const recordTags = new Set(["user", "host", "layer", "group", "variable", "webservice", "host-factory"]);
const list = (value: unknown): any[] => (value === undefined ? [] : [value].flat(9));

function toStatements(text: string): unknown {
  const document = parseDocument(text, { logLevel: "silent", version: "1.1" });
  if (document.errors.length > 0) throw policyInvalid("The policy is not YAML.");
  const read = (node: unknown): unknown => {
    if (isAlias(node)) return read(node.resolve(document));
    const tag = (node as Node | undefined)?.tag?.replace(/^!/, "");
    const tagged = tag !== undefined && !tag.startsWith("tag:yaml.org");
    if (isScalar(node)) return tagged ? { tag, id: node.source ?? "" } : node.value;
    if (isSeq(node)) return node.items.map(read);
    if (!isMap(node)) return undefined;
    const fields = Object.fromEntries(node.items.map(({ key, value }) => [String(isScalar(key) ? key.value : key), read(value)]));
    return tagged ? { id: "", ...fields, tag } : fields;
  };
  return read(document.contents);
}

/** Reads a policy as it is loaded under `namespace` (undefined: the root policy). */
export function readPolicy(text: string, account: string, namespace: string | undefined, owner: string): Policy {
  const records: PolicyRecord[] = [];
  const relations: PolicyRelation[] = [];

  const resolve = (reference: Statement, within: string | undefined): string => {
    if (typeof reference?.tag !== "string") throw policyInvalid("A reference has no kind.");
    const kind = reference.tag.replace("-", "_");
    if (String(reference.id) === "" && within === undefined) throw policyInvalid(`${kind} has a blank id`);
    const absolute = String(reference.id).startsWith("/");
    const path = absolute ? String(reference.id).slice(1) : [within, reference.id].filter(Boolean).join("/");
    const parts: string[] = [];
    for (const part of path.split("/")) {
      if (part !== "..") parts.push(part);
      else if (parts.pop() === undefined) throw policyInvalid("Invalid relative reference");
    }
    // Users of a policy: name@policy-with-dashes.
    const name = kind === "user" && parts.length > 1 ? `${parts.at(-1)}@${parts.slice(0, -1).join("-")}` : parts.join("/");
    return `${account}:${kind}:${name}`;
  };

  const walk = (statements: unknown, within: string | undefined, defaultOwner: string): void => {
    for (const statement of list(statements) as Statement[]) {
      const { tag } = statement ?? {};
      const references = (...fields: string[]) =>
        fields
          .flatMap((field) => list(statement[field]))
          .map((entry) => resolve(entry?.member ?? entry ?? { tag: "resource", id: "" }, within));
      if (tag === "policy" || recordTags.has(tag)) {
        if (String(statement.id).startsWith("/")) throw policyInvalid(`Illegal absolute id: ${statement.id}`);
        const id = resolve(statement, within);
        const annotations: Record<string, string> = {};
        for (const [name, value] of Object.entries(statement.annotations ?? {})) annotations[name] = String(value);
        if (statement.kind) annotations["conjur/kind"] ??= String(statement.kind);
        if (statement.mime_type) annotations["conjur/mime_type"] ??= String(statement.mime_type);
        if (records.some((record) => record.id === id)) throw policyInvalid(`${id} is declared more than once`);
        records.push({ id, owner: statement.owner ? resolve(statement.owner, within) : defaultOwner, annotations });
        if (tag === "policy") walk(statement.body, id.split(":").slice(2).join(":"), id);
      } else if (tag === "grant" || tag === "revoke") {
        for (const role of references("role", "roles")) {
          for (const member of references("member", "members")) relations.push({ kind: tag, role, member });
        }
      } else if (tag === "permit" || tag === "deny") {
        for (const role of references("role", "roles")) {
          for (const resource of references("resource", "resources")) {
            for (const privilege of [...list(statement.privilege), ...list(statement.privileges)]) {
              relations.push({ kind: tag, role, resource, privilege: String(privilege) });
            }
          }
        }
      } else if (tag === "delete") {
        for (const id of references("record")) relations.push({ kind: "delete", id });
      } else {
        throw policyInvalid(`Unrecognized data type '!${tag}'`);
      }
    }
  };
  walk(toStatements(text), namespace, owner);
  return { records, relations };
}
