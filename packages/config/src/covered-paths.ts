import { pathText } from "./tree.ts";

/** Whether a path is listed, or lies below one that is. */
export function coveredPaths(listed: readonly string[] = []): (path: readonly string[]) => boolean {
  const paths = new Set(listed);
  if (paths.size === 0) return () => false;
  return (path) => path.some((_segment, index) => paths.has(pathText(path.slice(0, index + 1))));
}
