/** How credentials look wherever they stand, by who gives them out. */
const shapes: readonly RegExp[] = [
  // OpenAI, Anthropic, Stripe; GitHub; GitLab; Slack; Hugging Face; npm; Vault; SendGrid
  /(?<![A-Za-z0-9])(?:sk-|[rs]k_live_|gh[oprsu]_|github_pat_|glpat-|xox[abeoprs]-|hf_|npm_|hv[bs]\.|SG\.)[\w.-]{12,}/,
  // AWS, Google
  /(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])|(?<![\w-])AIza[\w-]{35}/,
  // a JSON web token
  /(?<![\w-])eyJ[\w-]{5,}\.eyJ[\w-]{5,}\.[\w-]*/,
  /-----BEGIN [A-Z ]*PRIVATE KEY|AGE-SECRET-KEY-/,
  /^\s*(?:bearer|basic|token)\s+[\w.~+/=:-]{8,}\s*$/i,
  // user:password@ in a URL
  /:\/\/[^/?#@\s:]*:[^/?#@\s]+@/,
];

const passwordName = /(?:^|[ ])(?:password|passwd|passphrase|pwd|client secret|secret)$/;
const keyName =
  /(?:^|[ ])(?:token|authorization|cookie|credentials?|bearer|(?:api|access|secret|private|signing|subscription|auth|account) ?key|x functions key)$/;

/** `?api_key=…`, `--api-key=…` */
const inUrl = /[?&]([^?=&#]+)=([^&#]+)/g;
const inArgument = /^--?([\w-]+)=(.+)$/g;

/** What is filled in later stands between these. */
const templates = [
  ["{{", "}}"],
  ["${", "}"],
  ["<", ">"],
] as const;

// By position, as expressions for these take ever longer where nothing closes what was opened.
function isTemplate(text: string): boolean {
  return templates.some(([opening, closing]) => {
    const start = text.indexOf(opening);
    return start !== -1 && text.includes(closing, start + opening.length);
  });
}

/** `xApiKey`, `x-api-key` and `X_API_KEY` as words. */
const wordsOf = (name: string): string =>
  name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/[^A-Za-z0-9]+/g, " ")
    .trim()
    .toLowerCase();

/** Bits of entropy in each character, by how often each stands in the text. */
function entropyOf(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  const length = [...text].length;
  return [...counts.values()].reduce((sum, count) => sum - (count / length) * Math.log2(count / length), 0);
}

/** The name that an argument goes by: `--api-key`, where that stands before it; otherwise none. */
export function argumentName(list: readonly unknown[], index: number): string {
  const isFlag = (one: unknown): one is string => typeof one === "string" && /^--?[\w-]+$/.test(one);
  const before = list[index - 1];
  return isFlag(before) && !isFlag(list[index]) ? before : "";
}

/** Whether a field of this name holds a credential. */
export function isCredentialName(name: string): boolean {
  const words = wordsOf(name);
  return passwordName.test(words) || keyName.test(words);
}

/**
 * Whether a text that stands in a configuration looks like a credential: by its shape; as whatever a field of that name holds, for
 * passwords; or as something random in a field that is named after keys. What it is filled in with later (`{{…}}`, `${…}`) is none.
 */
export function isLiteralCredential(text: string, name = ""): boolean {
  if (shapes.some((shape) => shape.test(text))) return true;
  const pairs = text.matchAll(/^https?:\/\//i.test(text) ? inUrl : inArgument);
  if ([...pairs].some(([, key, value]) => isNamedLiteral(value as string, key as string))) return true;
  return isNamedLiteral(text, name);
}

function isNamedLiteral(text: string, name: string): boolean {
  const literal = text.trim();
  if (literal === "" || isTemplate(literal)) return false;
  const words = wordsOf(name);
  if (passwordName.test(words)) return !/^\*+$/.test(literal);
  return keyName.test(words) && literal.length >= 12 && !/\s/.test(literal) && entropyOf(literal) >= 3;
}
