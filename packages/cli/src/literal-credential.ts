/** Names of variables that hold a credential: GITHUB_TOKEN, OPENAI_API_KEY, PGPASSWORD. */
const credentialName =
  /(?:^|_|api|access|secret|private|signing|encryption)key$|(?:token|secret|password|passwd|passphrase)$|_(?:pass|pwd|pat|credentials?)$/i;

/** What such a variable may well hold and is no credential: nothing, a switch, a small number, the place of a file. */
const harmless = /^(?:true|false|none|null|\d{0,5}|(?:\.{0,2}|~)\/.*|[A-Z]:\\.*|file:.*)$/i;

/** What is a credential whatever its variable is called. */
const credentialShapes: readonly RegExp[] = [
  /(?:^|[^A-Za-z0-9])(?:sk-|[rs]k_live_|gh[oprsu]_|github_pat_|glpat-|xox[abeoprs]-|hf_|npm_|hv[bs]\.|ntn_|pypi-)[\w.-]{16,}/,
  /(?:^|[^A-Za-z0-9])AIza[\w-]{35}/,
  /(?:^|[^\w-])eyJ[\w-]+\.eyJ[\w-]+\.[\w-]*/,
  /-----BEGIN [A-Z ]*PRIVATE KEY|AGE-SECRET-KEY-/,
  /\b(?:Bearer|Basic)\s+(?=\S*\d)[\w.~+/=-]{12,}/i,
  // user:password@ in a URL
  /:\/\/[^/?#@\s]*:[^/?#@\s]+@/,
];

/** Whether a text that holds no reference looks like a credential, by its shape or by the name of its variable. */
export function isLiteralCredential(value: string, name = ""): boolean {
  // What stands beside a reference in a template may be one too: a fixed password beside a user that is fetched.
  const literal = value.replace(/\$\{[^}]*\}/g, "");
  if (credentialShapes.some((shape) => shape.test(literal))) return true;
  const isNamed = credentialName.test(name) && !/public_?key$/i.test(name);
  return isNamed && literal === value && !harmless.test(value);
}
