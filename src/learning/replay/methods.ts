import { CHOICE, EDITS } from './choice.ts';
import { FPO_REPLAY } from './fpoReplay.ts';
import { PREFERENCE } from './preference.ts';
import { STEER } from './steer.ts';
import { FILTERED, IN_SAMPLE } from './weighedImitation.ts';

/** Methods that learn from all kept attempts. */
export const REPLAY_METHODS = {
  'in-sample': IN_SAMPLE,
  'fpo-replay': FPO_REPLAY,
  preference: PREFERENCE,
  filtered: FILTERED,
  choice: CHOICE,
  edits: EDITS,
  steer: STEER,
};
