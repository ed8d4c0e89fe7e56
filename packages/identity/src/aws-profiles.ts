/** The settings of one profile, names in lower case. */
export type AwsProfile = ReadonlyMap<string, string>;

/** The name in a section's head of this kind, such as `profile team-a`. */
const nameIn = (section: string, kind: "profile" | "sso-session"): string | undefined =>
  new RegExp(`^${kind}\\s+(?:"([^"]+)"|'([^']+)'|(\\S+))$`)
    .exec(section)
    ?.slice(1)
    .find((name) => name !== undefined);

/** Which profile a section holds, or undefined for any other section (`sso-session`, `services` and so on). */
const profileName = (section: string, file: "credentials" | "config"): string | undefined =>
  file === "credentials" || section === "default" ? section : nameIn(section, "profile");

/**
 * Reads the text of a shared AWS file. What differs from other INI files, and why no INI library does: in `config` a profile is
 * written `[profile name]`, except `[default]`; a setting without a value starts a block (`s3 =`), whose indented lines are no settings
 * of the profile; a comment inside a line needs white space before it; quotes and backslashes mean nothing, as keys hold any
 * character.
 *
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
 */
function sectionsOf(text: string): ReadonlyMap<string, AwsProfile> {
  const sections = new Map<string, Map<string, string>>();
  let settings: Map<string, string> | undefined;
  let blockIndent = Number.POSITIVE_INFINITY;
  for (const raw of text.replace(/^\uFEFF/, "").split(/\r\n|\r|\n/)) {
    const line = raw.replace(/(^|\s)[#;].*$/, "");
    const indent = line.search(/\S/);
    if (indent === -1) continue;
    const section = /^\[(.*)\]$/.exec(line.trim())?.[1]?.trim();
    if (section !== undefined) {
      blockIndent = Number.POSITIVE_INFINITY;
      settings = sections.get(section) ?? new Map();
      sections.set(section, settings);
      continue;
    }
    if (indent > blockIndent) continue;
    blockIndent = Number.POSITIVE_INFINITY;
    const equals = line.indexOf("=");
    if (settings === undefined || equals === -1) continue;
    const value = line.slice(equals + 1).trim();
    if (value === "") blockIndent = indent;
    settings.set(line.slice(0, equals).trim().toLowerCase(), value);
  }
  return sections;
}

/** The profiles in the text of a shared file. */
export function parseAwsProfiles(text: string, file: "credentials" | "config"): ReadonlyMap<string, AwsProfile> {
  const profiles = new Map<string, AwsProfile>();
  for (const [section, found] of sectionsOf(text)) {
    const name = profileName(section, file);
    // `[profile default]` goes before `[default]`, whichever comes first.
    if (name !== undefined && !(section === "default" && profiles.has("default"))) profiles.set(name, found);
  }
  return profiles;
}

/** The single sign-on sessions in the text of a config file. */
export function parseAwsSessions(text: string): ReadonlyMap<string, AwsProfile> {
  const sessions = new Map<string, AwsProfile>();
  for (const [section, found] of sectionsOf(text)) {
    const name = nameIn(section, "sso-session");
    if (name !== undefined) sessions.set(name, found);
  }
  return sessions;
}
