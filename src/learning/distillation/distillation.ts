import { z } from 'zod';
import { type SessionConfig, Tensor } from '../../session/session.ts';
import type { Bundle } from '../../policy/bundle/config.ts';
import { learnableOf } from '../../policy/families/registry.ts';
import { makeTransforms } from '../../policy/vectors/transforms.ts';
import type { Demonstration } from '../imitation/demonstrations.ts';
import { openFrozenPrefix } from '../imitation/frozenPrefix.ts';
import { flowMatchingGraph } from '../imitation/lossGraph.ts';
import { createBatches } from '../train/batches.ts';
import { optimiserSchema } from '../train/optimiser.ts';
import { startingParameters } from '../train/startingWeights.ts';
import { type TrainingState, initialState, openTrainer } from '../train/trainer.ts';
import { type TrainingRun, averagedParameters } from '../train/trainingRun.ts';
import { openTeacher } from './teacher.ts';

/** How to distil; a run with the same settings, policy and demonstrations gives the same numbers. */
export const distillationSchema = z.strictObject({
  /** Observations of a batch, each with one noise. */
  batch: z.int().min(1),
  seed: z.int().min(0),
  optimiser: optimiserSchema,
});

export type DistillationSettings = z.infer<typeof distillationSchema>;

export interface DistillationOptions {
  /** The policy to distil; its integration makes the chunks that one step is to reach. */
  teacher: Bundle;
  demonstrations: readonly Demonstration[];
  settings: DistillationSettings;
  session: SessionConfig;
  /** Where a checkpoint stands. */
  start?: TrainingState;
}

const EXPERT = { parameters: 'expert' } as const;

/**
 * Opens a run that teaches the action expert to reach in one step what the policy reaches in several from the
 * same noise. The loss is flow matching at t = 1 with the policy's own chunks as the actions: the squared error
 * of the chunk noise − v(noise, 1).
 */
export async function openDistillation(options: DistillationOptions): Promise<TrainingRun> {
  const { teacher: bundle, demonstrations, settings, session, start } = options;
  const { cameras, folder, maxDelay = 0 } = bundle;
  const { batch, seed, optimiser } = settings;
  const policy = learnableOf(bundle);
  const parameters = policy.parameters(EXPERT);
  const state = start ?? initialState(await startingParameters(bundle, EXPERT, seed));

  const tokenize = await policy.loadTokenizer(folder);
  const transforms = makeTransforms(bundle.transforms, policy);
  const batches = createBatches(demonstrations, cameras.length, {
    ...{ policy, transforms, tokenize, batch, samples: 1, maxDelay, seed },
  });
  const graph = flowMatchingGraph({
    policy,
    trainable: EXPERT,
    observation: 'cache',
    cameras: cameras.length,
    text: batches.text,
    masked: true,
    samples: 1,
    dims: demonstrations[0].state.length,
    keeps: maxDelay > 0,
  });
  const trainer = await openTrainer(graph, parameters, state, optimiser, session);
  const prefix = await openFrozenPrefix(bundle, session);
  const teacher = await openTeacher(bundle, batches.text, session);
  // The chunk's whole length is taught: the policy says what to do after an episode's end, too.
  const allRows = new Tensor('float32', new Float32Array(batch * policy.horizon).fill(1), [
    batch,
    policy.horizon,
  ]);
  const atNoise = new Tensor('float32', new Float32Array(batch).fill(1), [batch]);

  return {
    parameters,
    get state() {
      return trainer.state;
    },
    async step() {
      const fed = await prefix.apply(batches.of(trainer.state.step));
      return trainer.step({
        ...fed,
        actions: await teacher.chunks(fed),
        mask: allRows,
        time: atNoise,
      });
    },
    averaged: () => averagedParameters(trainer, parameters),
    async close() {
      await trainer.close();
      await prefix.close();
      await teacher.close();
    },
  };
}
