/** The same text as it may stand in JSON or in `inspect`, without the backslashes that escape it. */
const unescaped = (text: string) => text.replaceAll("\\", "");
const escapedForm = (text: string) => unescaped(JSON.stringify(text).slice(1, -1));

/** Whether `text` contains `value`, as it is or escaped. */
export function mentions(text: string, value: string): boolean {
  if (value === "") return false;
  return text.includes(value) || (text.includes("\\") && unescaped(text).includes(escapedForm(value)));
}

/**
 * Whether a message tells something of `value`: it contains it, whatever the case, or quotes a part of it. Some schema libraries
 * quote the start of what they got.
 */
export function quotes(message: string, value: string): boolean {
  const [said, held] = [message.toLowerCase(), value.toLowerCase()];
  if (mentions(said, held)) return true;
  const quoted = said.match(/"[^"]{3,}"|'[^']{3,}'|`[^`]{3,}`/g) ?? [];
  return quoted.some((run) => held.includes(run.slice(1, -1)));
}

/** Whether a message has any four characters in a row in common with `value`, or contains it. */
export function sharesText(message: string, value: string): boolean {
  if (quotes(message, value)) return true;
  const [said, held] = [message.toLowerCase(), value.toLowerCase()];
  for (let start = 0; start + 4 <= said.length; start++) if (held.includes(said.slice(start, start + 4))) return true;
  return false;
}
