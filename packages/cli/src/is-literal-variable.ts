import { isLiteralCredential } from "@keyhold/agents/mcp";

/** Names of variables that hold a credential, however little it looks like one: GITHUB_TOKEN, OPENAI_API_KEY, PGPASSWORD. */
const credentialName =
  /(?:^|_|api|access|secret|private|signing|encryption)key$|(?:token|secret|password|passwd|passphrase)$|_(?:pass|pwd|pat|credentials?)$/i;

/** What such a variable may well hold and is no credential: nothing, a switch, a small number, the place of a file. */
const harmless = /^(?:true|false|none|null|\d{0,5}|(?:\.{0,2}|~)\/.*|[A-Z]:\\.*|file:.*)$/i;

/** Somewhere in a text, as where a variable holds headers in JSON. */
const bearer = /\bbearer\s+(?=\S*\d)[\w.~+/=-]{12,}/i;

/** Whether a variable holds a credential itself. What stands beside a reference in a template may be one too. */
export function isLiteralVariable(name: string, value: string): boolean {
  if (harmless.test(value)) return false;
  if (bearer.test(value) || isLiteralCredential(value, name)) return true;
  return credentialName.test(name) && !/public_?key$/i.test(name) && !/\$\{[^}]*\}/.test(value);
}
