import { join } from 'node:path';
import type { Bundle } from '../../policy/bundle/config.ts';
import type { Trainable } from '../../policy/trainable.ts';
import type { WorkerPolicy } from '../../policy/worker/workerPolicy.ts';
import type { RobotEmbodiment } from '../nats/subjects.ts';
import { type Courier, openCourier } from './courier.ts';

/** Where a learner is, and what it learns from. */
export interface LearnerPlace {
  learner: string;
  /** Keys of the link, which tcp needs. */
  keys?: string;
  /** Folder of episodes. */
  record: string;
  trainable: Trainable;
  /** What the robot is; absent for one that is known by its policy alone. */
  embodiment?: RobotEmbodiment;
}

/** The link of a policy that is played to its learner: episodes go, adapters are taken over between two chunks. */
export const openLearnerLink = (
  bundle: Bundle,
  policy: WorkerPolicy,
  { learner: address, keys, record, trainable, embodiment }: LearnerPlace,
  log: (line: string) => void,
): Promise<Courier> =>
  openCourier({
    episodes: record,
    adapters: join(record, 'adapters'),
    ...{ address, keys, embodiment, log },
    policy: { ...bundle, trainable },
    onAdapter: (adapter) => policy.adopt(adapter),
  });
