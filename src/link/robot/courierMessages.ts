import type { RobotEmbodiment } from '../nats/subjects.ts';
import type { AdaptedPolicy, AdapterFile } from './inbox.ts';

export interface CourierStatus {
  connected: boolean;
  /** Finished episodes that the learner is not known to have with their labels. */
  pending: number;
  acknowledged: number;
  /** The adapter that is played; the base's version if none. */
  version: string;
  /** Why there is no connection; null while there is. */
  lastError: string | null;
  /** Why the adapter that was announced last was not taken; null if it was. */
  refused: string | null;
}

export interface CourierWork {
  episodes: string;
  adapters: string;
  address: string;
  keys?: string;
  policy: AdaptedPolicy;
  /** What the robot is; absent: the learner cannot check it. */
  embodiment?: RobotEmbodiment;
}

export interface CourierFunctions {
  /** There may be new episodes or labels. */
  notify: () => void;
}

export interface OwnerFunctions {
  adopt: (file: AdapterFile) => Promise<void>;
  log: (line: string) => void;
  status: (status: CourierStatus) => void;
}
