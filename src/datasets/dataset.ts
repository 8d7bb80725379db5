import type { Episode } from '../episodes/readEpisode.ts';
import type { Embodiment } from '../robot/embodiment.ts';

/** A data set of another project, open for reading. */
export interface Dataset {
  /** Names of its episodes, which are also the ids that they get. */
  episodes: string[];
  embodiment: Embodiment;
  /** What was assumed or left out, a sentence each. */
  notes: string[];
  /** Reads an episode. Throws a `UserError` that names file and field. Its pictures can be read until `close`. */
  read(name: string): Promise<Episode>;
  close(): Promise<void>;
}

export interface ReadOptions {
  /** The robot, where the data set does not say what it is. */
  calibration?: string;
  /** Rows from one observation to the next, where the data set does not say which of its pictures are new. */
  every: number;
}

/** `ReadOptions.every` by default: five observations a second at 50 Hz, as nalu demos records them. */
export const DEFAULT_EVERY = 10;
