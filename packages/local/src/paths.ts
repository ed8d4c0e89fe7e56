import { homedir } from "node:os";
import path from "node:path";

/** Where the store lies by default: `KEYHOLD_STORE`, otherwise `keyhold.age` in the current folder, never in a parent. */
export function defaultStorePath(): string {
  return path.resolve(process.env.KEYHOLD_STORE || "keyhold.age");
}

/**
 * Where the identity lies by default: `KEYHOLD_IDENTITY_FILE`, otherwise `keyhold/identity.txt` in the user's config folder:
 * `$XDG_CONFIG_HOME` or `~/.config` on Linux, `~/Library/Application Support` on macOS, `%APPDATA%` on Windows.
 */
export function defaultIdentityPath(): string {
  if (process.env.KEYHOLD_IDENTITY_FILE) return path.resolve(process.env.KEYHOLD_IDENTITY_FILE);
  return path.join(configFolder(), "keyhold", "identity.txt");
}

function configFolder(): string {
  const { XDG_CONFIG_HOME: xdg, APPDATA: appData } = process.env;
  // A relative one is to be ignored: https://specifications.freedesktop.org/basedir-spec/latest/
  if (xdg && path.isAbsolute(xdg)) return xdg;
  if (process.platform === "win32") return appData || path.join(homedir(), "AppData", "Roaming");
  if (process.platform === "darwin") return path.join(homedir(), "Library", "Application Support");
  return path.join(homedir(), ".config");
}
