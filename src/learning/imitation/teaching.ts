import { z } from 'zod';
import type { Graph } from '../../onnx/graph.ts';
import type { BundleConfig } from '../../policy/bundle/config.ts';
import { trainableSchema } from '../../policy/trainable.ts';
import type { Embodiment } from '../../robot/embodiment.ts';
import type { SessionConfig, Tensor } from '../../session/session.ts';
import { optimiserSchema } from '../train/optimiser.ts';
import type { TrainingState } from '../train/trainer.ts';
import type { Demonstration } from './demonstrations.ts';

/** How to imitate; a run with the same settings, bundle and demonstrations gives the same numbers. */
export const imitationSchema = z.strictObject({
  trainable: trainableSchema,
  /** Observations of a batch. */
  batch: z.int().min(1),
  /** Flow samples of each observation; a policy without a flow has none. */
  samples: z.int().min(1),
  /** Whether images are cropped, turned and recoloured as openpi does. */
  augment: z.boolean(),
  /** Rows, at most, that the policy learns to go on from when they are under way already; 0 for none. */
  maxDelay: z.int().min(0).default(0),
  /** Share of the observations that are of an episode's start, beyond those that come of themselves; absent for none. */
  startShare: z.number().gt(0).max(1).optional(),
  /** Share of the observations whose state is hidden, so that the policy has to look; absent for none. */
  stateDropout: z.number().gt(0).max(1).optional(),
  seed: z.int().min(0),
  optimiser: optimiserSchema,
});

export type ImitationSettings = z.infer<typeof imitationSchema>;

export interface ImitationOptions {
  /** Of the bundle that is trained. */
  folder: string;
  bundle: BundleConfig;
  demonstrations: readonly Demonstration[];
  /** That gave the demonstrations: how its cameras are mounted. */
  robot?: Pick<Embodiment, 'cameras'>;
  settings: ImitationSettings;
  session: SessionConfig;
  /** Where a checkpoint stands. */
  start?: TrainingState;
}

type Batch = Record<string, Tensor>;

/** What a policy learns by: a loss, and batches of demonstrations. */
export interface Teaching {
  /** Outputs `loss` and `gradient.NAME`. */
  graph: Graph;
  /** A step's batch, `images` [batch, cameras, side, side, 3] among it; the same whenever it is asked for. */
  batchOf(step: number): Batch;
  /** A batch as the graph reads it, once its images are augmented. */
  feedsOf(batch: Batch): Promise<Batch> | Batch;
  close(): Promise<void>;
}
