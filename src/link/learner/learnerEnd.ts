import type { RobotEmbodiment } from '../nats/subjects.ts';
import type { Lineage } from '../robot/lineage.ts';
import type { KeptEpisode, Store } from './store.ts';

export interface LearnerEndOptions {
  base: string;
  /** What robots must be; absent: any. */
  embodiment?: RobotEmbodiment;
  store: Store;
  lineage: Lineage;
  onEpisode: (episode: KeptEpisode) => void;
  /** Hears of labels of an episode that had come before. */
  onLabels: (episode: KeptEpisode) => void;
  log: (line: string) => void;
}

/** A learner's end that serves its robots. */
export interface LearnerEnd {
  /** Offers the newest adapter to all robots. */
  announce(): Promise<void>;
  /** Resolves when nothing is under way. */
  close(): Promise<void>;
}

/** Where a learner is to meet its robots. */
export interface LearnerPlace {
  address: string;
  keys: string | undefined;
  log: (line: string) => void;
}

/** A place that belongs to this learner alone: nobody else uses its folder. */
export interface BoundPlace {
  /** With the port that was found, where any was asked for. */
  readonly address: string;
  serve(options: LearnerEndOptions): Promise<LearnerEnd>;
  close(): Promise<void>;
}
