import { SecretsError } from "@keyhold/core";

// RFC 9110, 5.5: visible characters, spaces and tabs between them, and bytes above ASCII.
const fieldValue = /^[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?$/;

/** A value for a header, which it could otherwise end and begin another. */
export function headerText(value: string): string {
  if (fieldValue.test(value)) return value;
  throw new SecretsError("invalid-argument", "this secret cannot stand in a header", {
    hint: "It is empty, or has a line break, a space at its end, or a character that is not Latin-1. Store it without.",
  });
}

/** User and password for `Basic` (RFC 7617). */
export function basicText([user, password]: readonly [string, string]): string {
  if (user.includes(":") || /\p{Cc}/u.test(user + password)) {
    throw new SecretsError("invalid-argument", "this secret cannot stand in Basic credentials", {
      hint: "A user has no colon, and neither user nor password has a control character.",
    });
  }
  return Buffer.from(`${user}:${password}`).toString("base64");
}

/** A value for a query parameter. */
export function queryText(value: string): string {
  if (value.isWellFormed()) return encodeURIComponent(value);
  throw new SecretsError("invalid-argument", "this secret cannot stand in a URL");
}
