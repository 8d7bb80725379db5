import type { LearnedVersion } from '../../protocol.ts';

/** The versions that a version descends from, without itself. */
export function ancestorsOf(
  versions: readonly Pick<LearnedVersion, 'version' | 'parent'>[],
  version: string | undefined,
): ReadonlySet<string> {
  const parents = new Map(versions.map((line) => [line.version, line.parent]));
  const ancestors = new Set<string>();
  let at = version === undefined ? undefined : parents.get(version);
  while (typeof at === 'string' && !ancestors.has(at)) {
    ancestors.add(at);
    at = parents.get(at);
  }
  return ancestors;
}
