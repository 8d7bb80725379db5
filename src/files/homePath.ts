/** Why a path that begins with ~ leads nowhere, where no shell has put the home folder in its place; undefined for others. */
export function homeFault(path: string, why: string, remedy: (rest: string) => string) {
  if (!/^~(\/|$)/.test(path)) return undefined;
  return `${path}: ${why}; write ${remedy(path.slice(1))}`;
}
