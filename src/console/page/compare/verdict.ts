import type { Comparison } from '../../protocol.ts';
import { shortVersion } from '../format.ts';

/**
 * A verdict in its parts: what it is, the counts, what would be needed. Versions are called as beside their rates; the
 * longer name goes first, for it may begin with the other.
 */
export const partsOfVerdict = ({ a, b, verdict }: Pick<Comparison, 'a' | 'b' | 'verdict'>) =>
  [a.version, b.version]
    .toSorted((one, other) => other.length - one.length)
    .reduce((text, version) => text.replaceAll(version, shortVersion(version)), verdict)
    .split(/; | (?=\()/);
