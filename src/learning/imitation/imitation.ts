import { z } from 'zod';
import { encodeModel } from '../../onnx/modelFile.ts';
import { type SessionConfig, Tensor, openModel } from '../../session/session.ts';
import { uniformNumbers } from '../../tensors/noise.ts';
import { learnableOf } from '../../policy/families/registry.ts';
import { trainableSchema } from '../../policy/trainable.ts';
import { makeTransforms } from '../../policy/vectors/transforms.ts';
import { augmentationGraph, drawAugmentation } from './augmentation.ts';
import { createBatches } from '../train/batches.ts';
import type { Demonstration } from './demonstrations.ts';
import { openFrozenPrefix } from './frozenPrefix.ts';
import { flowMatchingGraph } from './lossGraph.ts';
import { optimiserSchema } from '../train/optimiser.ts';
import { frozenWeights, startingParameters } from '../train/startingWeights.ts';
import { type TrainingState, initialState, openTrainer } from '../train/trainer.ts';
import { type TrainingRun, averagedParameters } from '../train/trainingRun.ts';
import { type BundleConfig } from '../../policy/bundle/config.ts';
import type { Embodiment } from '../../robot/embodiment.ts';

/** How to imitate; a run with the same settings, bundle and demonstrations gives the same numbers. */
export const imitationSchema = z.strictObject({
  trainable: trainableSchema,
  /** Observations of a batch. */
  batch: z.int().min(1),
  /** Flow samples of each observation. */
  samples: z.int().min(1),
  /** Whether images are cropped, turned and recoloured as openpi does. */
  augment: z.boolean(),
  /** Rows, at most, that the policy learns to go on from when they are under way already; 0 for none. */
  maxDelay: z.int().min(0).default(0),
  seed: z.int().min(0),
  optimiser: optimiserSchema,
});

export type ImitationSettings = z.infer<typeof imitationSchema>;

type Batch = Record<string, Tensor>;

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

const AUGMENTATION_STREAM = 4;

/** The policy's cameras as the demonstrations have them, or by their names alone. */
const camerasOf = ({ bundle, robot }: ImitationOptions) =>
  bundle.cameras.map((name) => robot?.cameras.find((known) => known.name === name) ?? { name });

/** Augments a step's images; the same step's always alike. */
async function openAugmentation(options: ImitationOptions) {
  const {
    bundle,
    settings: { seed },
    session,
  } = options;
  const cameras = camerasOf(options);
  const side = learnableOf(bundle).imageSize;
  const graph = await openModel(encodeModel(augmentationGraph(side)), session);
  return {
    async apply(batch: Batch, step: number): Promise<Batch> {
      const { data, dims } = batch.images;
      const draw = uniformNumbers([seed, AUGMENTATION_STREAM, step]);
      const { augmented } = await graph.run({
        images: new Tensor('uint8', data as Uint8Array, [dims[0] * dims[1], side, side, 3]),
        ...drawAugmentation(cameras, dims[0], draw),
      });
      return { ...batch, images: new Tensor('uint8', augmented.data as Uint8Array, dims) };
    },
    close: () => graph.release(),
  };
}

const withoutMasks = (batch: Batch): Batch =>
  Object.fromEntries(
    Object.entries(batch).filter(([name]) => name !== 'camera_mask' && name !== 'token_mask'),
  );

/** Opens a run that trains a bundle on demonstrations, from its weights or from where a checkpoint stands. */
export async function openImitation(options: ImitationOptions): Promise<TrainingRun> {
  const { folder, bundle, demonstrations, settings, session, start } = options;
  const { cameras } = bundle;
  const policy = learnableOf(bundle);
  const stored = { ...bundle, folder };
  const { trainable, batch, samples, maxDelay, seed } = settings;
  const parameters = policy.parameters(trainable);
  const state = start ?? initialState(await startingParameters(stored, trainable, seed));

  const tokenize = await policy.loadTokenizer(folder);
  const transforms = makeTransforms(bundle.transforms, policy);
  const batches = createBatches(demonstrations, cameras.length, {
    ...{ policy, transforms, tokenize, batch, samples, maxDelay, seed },
  });

  const graph = flowMatchingGraph({
    policy,
    trainable,
    observation: trainable.parameters === 'all' ? 'images' : 'cache',
    cameras: cameras.length,
    text: batches.text,
    masked: batches.padded,
    samples,
    dims: demonstrations[0].state.length,
    keeps: maxDelay > 0,
  });
  const frozen = await frozenWeights(stored, graph, parameters);
  const trainer = await openTrainer(graph, parameters, state, settings.optimiser, session, frozen);
  const augmentation = settings.augment ? await openAugmentation(options) : undefined;
  const prefix =
    trainable.parameters === 'all' ? undefined : await openFrozenPrefix(stored, session);

  return {
    parameters,
    get state() {
      return trainer.state;
    },
    async step() {
      const { step } = trainer.state;
      let fed = batches.of(step);
      if (augmentation) fed = await augmentation.apply(fed, step);
      if (prefix) fed = await prefix.apply(fed);
      else if (!batches.padded) fed = withoutMasks(fed);
      return trainer.step(fed);
    },
    averaged: () => averagedParameters(trainer, parameters),
    async close() {
      await trainer.close();
      await augmentation?.close();
      await prefix?.close();
    },
  };
}
