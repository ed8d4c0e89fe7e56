/** JSON Schema, as ajv reads it. */
export type Schema = { [keyword: string]: any };

export interface DescribedParameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required: boolean;
  schema: Schema;
}

/** One operation of a service, whatever format described it. */
export interface DescribedOperation {
  readonly name: string;
  readonly method: string;
  /** A path with `{name}` for each parameter. */
  template: string;
  parameters: DescribedParameter[];
  /** Schemas by media type. None: no body. */
  body?: { required: boolean; contents: Record<string, Schema> };
  /** By status or `default`: schemas by media type. None: nothing is said of the body. */
  answers: Record<string, { contents?: Record<string, Schema> }>;
}

export interface Description {
  readonly operations: DescribedOperation[];
  /** Named schemas; `{ $ref: "#/schemas/NAME" }` points at them. */
  readonly schemas: Record<string, Schema>;
}

/**
 * Makes a vendor's schema one that ajv takes literally: references to `#/schemas/NAME`, null where it is allowed,
 * and no properties beyond those described.
 */
export function toSchema(source: unknown, refersTo: RegExp): any {
  if (Array.isArray(source)) return source.map((entry) => toSchema(entry, refersTo));
  if (typeof source !== "object" || source === null) return source;
  const schema: Schema = {};
  for (const [key, value] of Object.entries(source)) {
    if (key === "$ref") schema.$ref = `#/schemas/${String(value).replace(refersTo, "")}`;
    // Words and marks for readers and generators. As a property's name they stay: then their value is a schema.
    else if (["description", "example", "enumDescriptions", "readOnly", "id", "deprecated"].includes(key) && !isSchema(value))
      continue;
    else if (key.startsWith("x-")) continue;
    else schema[key] = toSchema(value, refersTo);
  }
  if (schema.type === "any") delete schema.type;
  if (schema.properties !== undefined && schema.additionalProperties === undefined) schema.additionalProperties = false;
  if (schema.nullable === true && typeof schema.type === "string") schema.type = [schema.type, "null"];
  return schema;
}

const isSchema = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value);
