/** The error for a path with a leading ~ that no shell has expanded; undefined for other paths. */
export function homeFault(path: string, why: string, remedy: (rest: string) => string) {
  if (!/^~(\/|$)/.test(path)) return undefined;
  return `${path}: ${why}; write ${remedy(path.slice(1))}`;
}
