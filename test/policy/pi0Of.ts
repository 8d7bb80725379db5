import type { Bundle } from '../../src/policy/bundle/config.ts';
import type { Pi0Config } from '../../src/policy/families/pi0/config.ts';

/** The dimensions of a π0's bundle. */
export const pi0Of = ({ architecture }: Pick<Bundle, 'architecture'>): Pi0Config =>
  architecture as Pi0Config;
