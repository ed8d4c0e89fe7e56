import { readFile } from "node:fs/promises";
import path from "node:path";
import { gunzipSync } from "node:zlib";

/** Why the service would refuse a request before looking at what it holds. */
export interface Violation {
  readonly type: "SerializationException" | "ValidationException" | "UnknownMember";
  readonly message: string;
}

/** AWS's own description of Secrets Manager, as its Python library carries it. */
export interface ServiceDescription {
  readonly operations: ReadonlySet<string>;
  checkInput(operation: string, input: unknown): Violation | undefined;
  checkOutput(operation: string, output: unknown): Violation | undefined;
  /** The output without members that the service does not have, and without nulls. */
  shapeOutput(operation: string, output: unknown): unknown;
}

interface Shape {
  readonly type: string;
  readonly members?: Readonly<Record<string, { readonly shape: string }>>;
  readonly member?: { readonly shape: string };
  readonly key?: { readonly shape: string };
  readonly value?: { readonly shape: string };
  readonly required?: readonly string[];
  readonly min?: number;
  readonly max?: number;
  readonly pattern?: string;
  readonly enum?: readonly string[];
}

interface Description {
  readonly operations: Readonly<
    Record<string, { readonly input?: { readonly shape: string }; readonly output?: { readonly shape: string } }>
  >;
  readonly shapes: Readonly<Record<string, Shape>>;
}

/** Reads `service-2.json.gz` from botocore, which comes with moto. `packages` is the folder of Python's packages. */
export async function readServiceDescription(packages: string): Promise<ServiceDescription> {
  const file = path.join(packages, "botocore/data/secretsmanager/2017-10-17/service-2.json.gz");
  const { operations, shapes } = JSON.parse(gunzipSync(await readFile(file)).toString("utf8")) as Description;
  const unlimited = Object.fromEntries(Object.entries(shapes).map(([name, { min: _min, max: _max, ...shape }]) => [name, shape]));
  return {
    operations: new Set(Object.keys(operations)),
    checkInput: (operation, input) => checkShape(shapes, operations[operation]?.input?.shape, input, ""),
    // Without the limits: the description says 256 characters for a name in answers, where the service takes and gives 512.
    checkOutput: (operation, output) => checkShape(unlimited, operations[operation]?.output?.shape, output, ""),
    shapeOutput: (operation, output) => {
      const shape = operations[operation]?.output?.shape;
      return shape === undefined ? {} : trim(shapes, shape, output);
    },
  };
}

type Shapes = Description["shapes"];

function checkShape(shapes: Shapes, name: string | undefined, value: unknown, at: string): Violation | undefined {
  const shape = shapes[name ?? ""];
  if (shape === undefined) return undefined;
  const wrong = (wanted: string): Violation => ({
    type: "SerializationException",
    message: `The value at '${at || "/"}' is not ${wanted}`,
  });
  switch (shape.type) {
    case "structure":
      return isObject(value) ? checkStructure(shapes, shape, value, at) : wrong("a structure");
    case "list":
      if (!Array.isArray(value)) return wrong("a list");
      return (
        checkSize(shape, value.length, at) ??
        first(value, (item, i) => checkShape(shapes, shape.member?.shape, item, `${at}.${i + 1}.member`))
      );
    case "map":
      if (!isObject(value)) return wrong("a map");
      return first(
        Object.entries(value),
        ([key, item]) =>
          checkShape(shapes, shape.key?.shape, key, at) ?? checkShape(shapes, shape.value?.shape, item, `${at}.${key}`),
      );
    case "boolean":
      return typeof value === "boolean" ? undefined : wrong("a boolean");
    case "string":
      return typeof value === "string" ? checkText(shape, value, at) : wrong("a string");
    case "blob":
      if (typeof value !== "string" || !isBase64(value)) return wrong("base64");
      return checkSize(shape, Buffer.from(value, "base64").length, at);
    case "timestamp":
      return typeof value === "number" ? undefined : wrong("a number of seconds");
    default:
      if (typeof value !== "number" || !Number.isInteger(value)) return wrong("a whole number");
      return checkNumber(shape, value, at);
  }
}

function checkStructure(shapes: Shapes, shape: Shape, value: Record<string, unknown>, at: string): Violation | undefined {
  const members = shape.members ?? {};
  const missing = shape.required?.find((name) => value[name] === undefined || value[name] === null);
  if (missing !== undefined) return constraint(join(at, missing), "Member must not be null");
  return first(Object.entries(value), ([name, item]) => {
    if (item === null || item === undefined) return undefined;
    const member = members[name];
    // The service ignores what it does not know. Here it is an error: it is a misspelt member that would have no effect.
    if (member === undefined) return { type: "UnknownMember", message: `There is no member '${join(at, name)}'` };
    return checkShape(shapes, member.shape, item, join(at, name));
  });
}

function checkText(shape: Shape, value: string, at: string): Violation | undefined {
  // The quota on a value is in bytes: https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html
  const length = at.endsWith("ecretString") ? Buffer.byteLength(value) : [...value].length;
  if (shape.enum !== undefined && !shape.enum.includes(value)) {
    return constraint(at, `Member must satisfy enum value set: [${shape.enum.join(", ")}]`);
  }
  if (shape.pattern !== undefined && !new RegExp(`^(?:${shape.pattern})$`).test(value)) {
    return constraint(at, `Member must satisfy regular expression pattern: ${shape.pattern}`);
  }
  return checkSize(shape, length, at);
}

function checkSize(shape: Shape, length: number, at: string): Violation | undefined {
  if (shape.min !== undefined && length < shape.min) {
    return constraint(at, `Member must have length greater than or equal to ${shape.min}`);
  }
  if (shape.max !== undefined && length > shape.max) {
    return constraint(at, `Member must have length less than or equal to ${shape.max}`);
  }
  return undefined;
}

function checkNumber(shape: Shape, value: number, at: string): Violation | undefined {
  if (shape.min !== undefined && value < shape.min) {
    return constraint(at, `Member must have value greater than or equal to ${shape.min}`);
  }
  if (shape.max !== undefined && value > shape.max)
    return constraint(at, `Member must have value less than or equal to ${shape.max}`);
  return undefined;
}

const constraint = (at: string, rule: string): Violation => ({
  type: "ValidationException",
  message: `1 validation error detected: Value at '${at}' failed to satisfy constraint: ${rule}`,
});

function trim(shapes: Shapes, name: string | undefined, value: unknown): unknown {
  const shape = shapes[name ?? ""];
  if (shape?.type === "list" && Array.isArray(value)) return value.map((item) => trim(shapes, shape.member?.shape, item));
  if (shape?.type !== "structure" || !isObject(value)) return value;
  const known = Object.entries(value).filter(
    ([member, item]) => shape.members?.[member] !== undefined && item !== null && item !== undefined,
  );
  return Object.fromEntries(known.map(([member, item]) => [member, trim(shapes, shape.members?.[member]?.shape, item)]));
}

/** AWS names a member in its messages with a small first letter. */
const join = (at: string, member: string): string => {
  const name = member.charAt(0).toLowerCase() + member.slice(1);
  return at === "" ? name : `${at}.${name}`;
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isBase64 = (value: string): boolean => Buffer.from(value, "base64").toString("base64") === value;

function first<T>(items: readonly T[], find: (item: T, index: number) => Violation | undefined): Violation | undefined {
  for (const [index, item] of items.entries()) {
    const found = find(item, index);
    if (found !== undefined) return found;
  }
  return undefined;
}
