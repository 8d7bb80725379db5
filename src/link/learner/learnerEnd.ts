import type { UserError } from '../../errors.ts';
import type { FleetOrder, FleetStatus } from '../nats/fleet.ts';
import type { RobotEmbodiment } from '../nats/subjects.ts';
import type { Lineage } from '../robot/lineage.ts';
import type { Plan } from './plan.ts';
import type { KeptEpisode, Store } from './store.ts';

export interface LearnerEndOptions {
  base: string;
  /** What robots must be; absent: any. */
  embodiment?: RobotEmbodiment;
  store: Store;
  lineage: Lineage;
  /** The last one that was announced; without one all robots play the newest adapter. */
  plan?: Plan;
  onEpisode: (episode: KeptEpisode) => void;
  /** Hears of labels of an episode that had come before. */
  onLabels: (episode: KeptEpisode) => void;
  /** Hears the names of the robots that are there, where they have names. */
  onRobots: (names: readonly string[]) => void;
  /** Carries out what a person orders over the link; gives what came of it, or rejects with why not. */
  obey: (order: FleetOrder) => Promise<string>;
  log: (line: string) => void;
}

/** A learner's end that serves its robots. */
export interface LearnerEnd {
  /** Offers robots what they are to play: where there is no plan, or they have no names, the newest adapter. */
  announce(plan?: Plan): Promise<void>;
  /** Tells those who watch how the fleet is, where somebody can. */
  tell?(status: FleetStatus): void;
  /** Resolves when nothing is under way. */
  close(): Promise<void>;
}

/** Where a learner is to meet its robots. */
export interface LearnerPlace {
  address: string;
  keys: string | undefined;
  /** The learner's folder. */
  folder: string;
  /** Hears that another learner took over while this one was cut off. */
  onReplaced: (error: UserError) => void;
  log: (line: string) => void;
}

/** A place that belongs to this learner alone: nobody else uses its folder. */
export interface BoundPlace {
  /** With the port that was found, where any was asked for. */
  readonly address: string;
  serve(options: LearnerEndOptions): Promise<LearnerEnd>;
  close(): Promise<void>;
}
