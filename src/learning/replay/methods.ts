import { FPO_REPLAY } from './fpoReplay.ts';
import { IN_SAMPLE } from './inSample.ts';

/** Methods that learn from all kept attempts. */
export const REPLAY_METHODS = { 'in-sample': IN_SAMPLE, 'fpo-replay': FPO_REPLAY };
