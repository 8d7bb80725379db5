import { encodeModel } from '../../onnx/modelFile.ts';
import { Tensor, openModel } from '../../session/session.ts';
import { uniformNumbers } from '../../tensors/noise.ts';
import { learnedOf, taughtOf } from '../../policy/families/registry.ts';
import { augmentationGraph, drawAugmentation } from './augmentation.ts';
import { openFlowTeaching } from './flowTeaching.ts';
import { openOwnTeaching } from './ownTeaching.ts';
import type { ImitationOptions } from './teaching.ts';
import { frozenWeights, startingParameters } from '../train/startingWeights.ts';
import { initialState, openTrainer } from '../train/trainer.ts';
import { type TrainingRun, averagedParameters } from '../train/trainingRun.ts';

type Batch = Record<string, Tensor>;

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
  const side = learnedOf(bundle).imageSize;
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

/** Opens a run that trains a bundle on demonstrations, from its weights or from where a checkpoint stands. */
export async function openImitation(options: ImitationOptions): Promise<TrainingRun> {
  const { folder, bundle, settings, session, start } = options;
  const stored = { ...bundle, folder };
  const { trainable, seed } = settings;
  const parameters = learnedOf(stored).parameters(trainable);
  const state = start ?? initialState(await startingParameters(stored, trainable, seed));

  const taught = taughtOf(stored);
  const teaching = await (taught ? openOwnTeaching(taught, options) : openFlowTeaching(options));
  const frozen = await frozenWeights(stored, teaching.graph, parameters);
  const trainer = await openTrainer(
    teaching.graph,
    parameters,
    state,
    settings.optimiser,
    session,
    frozen,
  );
  const augmentation = settings.augment ? await openAugmentation(options) : undefined;

  return {
    parameters,
    get state() {
      return trainer.state;
    },
    async step() {
      const { step } = trainer.state;
      const batch = teaching.batchOf(step);
      return trainer.step(
        await teaching.feedsOf((await augmentation?.apply(batch, step)) ?? batch),
      );
    },
    averaged: () => averagedParameters(trainer, parameters),
    async close() {
      await trainer.close();
      await augmentation?.close();
      await teaching.close();
    },
  };
}
