import type { Message } from "./secret-manager.ts";

interface Instant {
  readonly seconds: string | number;
  readonly nanos: number;
}

const mapFields = new Set(["labels", "annotations", "versionAliases"]);

/** A message as the gRPC library hands it over, in proto3's JSON form: without defaults, times and bytes as text. */
export function toJsonForm(message: Message): Message {
  const result: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(message)) {
    // A field `_x`, or one with the name of a `oneof`, says which member of it is set.
    if (
      field.startsWith("_") ||
      ["expiration", "secretType"].includes(field) ||
      (field === "replication" && typeof value === "string")
    )
      continue;
    if (value === null || value === "" || value === 0 || (Array.isArray(value) && value.length === 0)) continue;
    if (Buffer.isBuffer(value)) result[field] = value.toString("base64");
    else if (field === "ttl") result[field] = `${Number(value.seconds) + value.nanos / 1e9}s`;
    else if (field.endsWith("Time")) result[field] = new Date(Number(value.seconds) * 1000 + value.nanos / 1e6).toISOString();
    else if (field === "updateMask") result[field] = value.paths.join(",");
    else if (mapFields.has(field)) {
      if (Object.keys(value).length > 0) result[field] = value;
    } else if (Array.isArray(value)) result[field] = value.map((item) => (typeof item === "object" ? toJsonForm(item) : item));
    else if (typeof value !== "object") result[field] = value;
    else {
      const inner = toJsonForm(value);
      // Of messages that are empty, only these mean something.
      if (Object.keys(inner).length > 0 || ["automatic", "payload", "secret"].includes(field)) result[field] = inner;
    }
  }
  return result;
}

/** The way back, for answers. */
export function toGrpcForm(message: Message): Message {
  const result: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(message)) {
    if (field === "data") result[field] = Buffer.from(value, "base64");
    else if (field.endsWith("Time")) result[field] = toInstant(value);
    else if (Array.isArray(value)) result[field] = value.map(toGrpcForm);
    else if (typeof value === "object" && !mapFields.has(field)) result[field] = toGrpcForm(value);
    else result[field] = value;
  }
  return result;
}

function toInstant(text: string): Instant {
  const ms = Date.parse(text);
  return { seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1e6 };
}
