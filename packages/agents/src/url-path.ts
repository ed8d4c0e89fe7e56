/** Whether a path starts with a prefix, by whole segments. */
export function startsWithPath(path: string, prefix: string): boolean {
  return path === prefix || path.startsWith(`${prefix}/`);
}

/**
 * Whether a server that decodes once more than `URL` does, or takes a backslash for a slash, or cuts `;` parameters, would see other
 * segments than stand there: `..%2f`, `%252e%252e`, `..;`.
 */
export function hasHiddenSegments(path: string): boolean {
  let text = path;
  for (let round = 0; round < 4; round += 1) {
    if (/%(?:2f|5c|00)|\\/i.test(text)) return true;
    if (text.split("/").some((segment) => /^\.{1,2}(?:;.*)?$/.test(segment))) return true;
    let next: string;
    try {
      next = decodeURIComponent(text);
    } catch {
      return true;
    }
    if (next === text) return false;
    text = next;
  }
  return true;
}
