import { join } from 'node:path';
import { UserError } from '../../errors.ts';
import { encodeModel } from '../../onnx/modelFile.ts';
import {
  type InferenceSession,
  type SessionConfig,
  Tensor,
  openModel,
} from '../../session/session.ts';
import { BUNDLE_FILES } from '../../policy/bundle/bundle.ts';
import { gaussianNoise } from '../../tensors/noise.ts';
import { tokensPerImage } from '../../policy/families/pi0/config.ts';
import { trainableParameters } from '../../policy/families/pi0/trainable.ts';
import {
  type UpdateChunk,
  centredScale,
  flowFeeds,
  joined,
  observationFeeds,
  previousFeeds,
  surrogateFeeds,
} from './batch.ts';
import type { FpoConfig } from './config.ts';
import {
  centredLossesGraph,
  fpoGraph,
  oldLossesGraph,
  resampleGraph,
  surrogateGraph,
} from './graph.ts';
import type { PolicyReport } from './report.ts';
import { optimiserSchema } from '../train/optimiser.ts';
import { evenParts } from '../train/order.ts';
import { tensorsIn } from '../train/parameters.ts';
import { spreadOf } from '../train/spread.ts';
import { frozenWeights } from '../train/startingWeights.ts';
import { type BatchPart, type TrainingState, openTrainer } from '../train/trainer.ts';
import { type Look, checkStart, lookAt, reasonToStop } from './trustRegion.ts';
import { type Bundle } from '../../policy/bundle/config.ts';
import type { SampledJoin } from '../../policy/joinKinds.ts';
import type { RolloutChunk } from './rollout.ts';

/** The policy's half of an update. */
export interface PolicyLearner {
  /** See Trainer. */
  readonly state: TrainingState;
  /**
   * Fills in the chunks' old losses, then takes the epochs' steps, until the policy has drifted by
   * `farthest`. Throws a UserError, before any step, where the losses are not those that it was given as old.
   */
  learn(chunks: readonly UpdateChunk[], farthest: number): Promise<PolicyReport>;
  /** A new chunk [horizon, actionDim] of the policy as it stands at each chunk's observation. */
  resample(chunks: readonly RolloutChunk[], seed: readonly number[]): Promise<Float32Array[]>;
  close(): Promise<void>;
}

/** Times that a step which went too far is shortened: what is left then comes from the steps before it. */
const MOST_TRIES = 4;

const numbers = (tensor: Tensor) => tensor.data as Float32Array;

/** A tensor's `count` equal parts along its first dimension. */
function divided(tensor: Tensor, count: number): Float32Array[] {
  const size = tensor.data.length / count;
  return Array.from({ length: count }, (_, i) => numbers(tensor).slice(i * size, (i + 1) * size));
}

function reportOf(
  chunks: readonly UpdateChunk[],
  look: Look,
  farthest: number,
  norms: readonly number[],
  stopped: string | undefined,
): PolicyReport {
  const counted = chunks.map(({ chunk: { mask } }) => mask.reduce((sum, one) => sum + one, 0));
  const rows = spreadOf(counted).mean;
  return {
    steps: norms.length,
    ...(stopped !== undefined && { stopped }),
    ratios: spreadOf(look.ratios),
    clipShare: look.clipShare,
    drift: look.drift,
    farthest,
    gain: look.gain,
    norm: norms.length > 0 ? spreadOf(norms).mean : 0,
    lossBefore: spreadOf(chunks.flatMap(({ oldLosses }) => [...oldLosses])).mean / rows,
    lossAfter: look.loss / rows,
  };
}

/** Opens FPO's graphs on a bundle's weights for a robot of `joints`, where `start` stands. */
export async function openPolicyLearner(
  bundle: Bundle,
  joints: number,
  config: FpoConfig,
  start: TrainingState,
  session: SessionConfig,
): Promise<PolicyLearner> {
  const { pi0, cameras, folder } = bundle;
  const { trainable, samples, epochs, atOnce } = config;
  const options = {
    config: pi0,
    trainable,
    cameras: cameras.length,
    text: pi0.maxTokens,
    samples,
    dims: joints,
    keeps: bundle.maxDelay !== undefined,
  };
  const parameters = trainableParameters(trainable, pi0);
  const graph = fpoGraph(options, config);
  const frozen = await frozenWeights(join(folder, BUNDLE_FILES.weights), graph, parameters, pi0);
  const optimiser = optimiserSchema.parse({
    rate: config.rate,
    finalRate: config.rate,
    warmUp: 0,
    beta1: config.beta1,
    beta2: config.beta2,
    epsilon: config.epsilon,
    weightDecay: 0,
    clip: config.gradientNorm,
    averageDecay: 0,
  });
  const trainer = await openTrainer(graph, parameters, start, optimiser, session, frozen);
  const before = await openModel(
    encodeModel(
      config.centred
        ? centredLossesGraph(options, config.oldLossClamp)
        : oldLossesGraph(options, config.oldLossClamp),
    ),
    session,
  );
  const surrogate = await openModel(encodeModel(surrogateGraph(options, config)), session);
  const tokens = cameras.length * tokensPerImage(pi0) + pi0.maxTokens;

  const feedsOf = (some: readonly UpdateChunk[]) => flowFeeds(some, pi0, options.keeps);
  const inParts = <T>(chunks: readonly T[]) =>
    evenParts(chunks.length, atOnce).map(([from, to]) => chunks.slice(from, to));

  const weights = () => ({
    ...frozen,
    ...Object.fromEntries(tensorsIn(trainer.state.vectors.parameters, parameters)),
  });

  const samplers = new Map<SampledJoin | undefined, InferenceSession>();
  const samplerOf = async (kind: SampledJoin | undefined) => {
    const known = samplers.get(kind);
    const sampler = known ?? (await openModel(encodeModel(resampleGraph(options, kind)), session));
    samplers.set(kind, sampler);
    return sampler;
  };

  /** Chunks [horizon, actionDim], joined to what those given were. */
  const sample = async (some: readonly RolloutChunk[], noise: readonly Float32Array[]) => {
    const made = new Array<Float32Array>(some.length);
    const kinds = some.map(({ join }) => join?.kind);
    for (const kind of new Set(kinds)) {
      const places = [...some.keys()].filter((i) => kinds[i] === kind);
      const chunks = places.map((i) => some[i]);
      const { actions } = await (
        await samplerOf(kind)
      ).run({
        ...weights(),
        ...observationFeeds(chunks, pi0),
        ...(kind && previousFeeds(chunks, pi0)),
        noise: joined(places.map((i) => noise[i]), [chunks.length, pi0.horizon, pi0.actionDim]), // prettier-ignore
        steps: new Tensor('int64', BigInt64Array.of(BigInt(bundle.steps)), []),
      });
      divided(actions, chunks.length).forEach((chunk, i) => (made[places[i]] = chunk));
    }
    return made;
  };

  /** The chunks that the policy makes of the same noise without exploring. */
  const centresOf = (some: readonly UpdateChunk[]) => {
    const chunks = some.map(({ chunk }) => chunk);
    return sample(chunks, chunks.map(({ noise }) => noise)); // prettier-ignore
  };

  /** Gives the factor of centred losses. */
  const fillOldLosses = async (chunks: readonly UpdateChunk[]): Promise<number | undefined> => {
    const parts = inParts(chunks);
    const centres: Float32Array[][] = [];
    if (config.centred) for (const some of parts) centres.push(await centresOf(some));
    const scale = config.centred
      ? centredScale(
          chunks.map(({ chunk }) => chunk),
          centres.flat(),
          joints,
        )
      : undefined;
    for (const [i, some] of parts.entries()) {
      const centre = config.centred && {
        centre: joined(centres[i], [some.length, pi0.horizon, pi0.actionDim]),
      };
      const result = await before.run({ ...weights(), ...feedsOf(some), ...centre });
      const scaled = (losses: Float32Array) => losses.map((loss) => loss * (scale ?? 1));
      const [losses, clamped, target] = ['losses', 'clamped', 'target'].map((name) =>
        name in result ? divided(result[name], some.length) : [],
      );
      some.forEach((one, j) => {
        one.oldLosses = scaled(losses[j]);
        one.clampedLosses = scaled(clamped[j]);
        one.target = target[j];
      });
    }
    return scale;
  };

  const partsOf = (chunks: readonly UpdateChunk[], scale: number | undefined): BatchPart[] =>
    inParts(chunks).map((some) => ({
      share: some.length / chunks.length,
      feeds: () => ({ ...feedsOf(some), ...surrogateFeeds(some, pi0, scale) }),
    }));

  const lookAgain = async (chunks: readonly UpdateChunk[], parts: readonly BatchPart[]) => {
    const outputs: Record<string, Tensor>[] = [];
    for (const { feeds } of parts) outputs.push(await surrogate.run({ ...weights(), ...feeds() }));
    return lookAt(chunks, outputs, config);
  };

  /** Shortens the last step until the policy has gone no further than it may; gives what is left of it. */
  const comeBack = async (
    look: Look,
    farthest: number,
    again: () => Promise<Look>,
  ): Promise<Look> => {
    for (let tries = 0; look.drift > farthest && tries < MOST_TRIES; tries++) {
      // Drift grows with the square of the way.
      trainer.shorten(Math.min(0.9, Math.sqrt(farthest / look.drift)));
      look = await again();
    }
    return look;
  };

  return {
    get state() {
      return trainer.state;
    },
    async learn(chunks, farthest) {
      const wrong = chunks.find(({ chunk }) => chunk.valid.length !== tokens);
      if (wrong)
        throw new UserError(
          `a chunk's cache is of ${wrong.chunk.valid.length} tokens, this policy's of ${tokens}; encode the episodes with this bundle`,
        );
      const parts = partsOf(chunks, await fillOldLosses(chunks));
      const again = () => lookAgain(chunks, parts);
      const norms: number[] = [];
      let stopped: string | undefined;
      let look: Look | undefined;
      while (norms.length < epochs && stopped === undefined) {
        const step = await trainer.stepIf(parts, (outputs) => {
          look = lookAt(chunks, outputs, config);
          if (norms.length === 0) checkStart(look);
          stopped = reasonToStop(look, farthest, config);
          return stopped === undefined;
        });
        if (step) norms.push(step.norm);
      }
      // What ended the update has seen where it is; a last step that nothing followed has not been looked at.
      if (stopped === undefined) look = await again();
      if (norms.length > 0) look = await comeBack(look!, farthest, again);
      return reportOf(chunks, look!, farthest, norms, stopped);
    },
    async resample(chunks, seed) {
      const { horizon, actionDim } = pi0;
      const size = horizon * actionDim;
      const made: Float32Array[] = [];
      for (const some of inParts(chunks)) {
        const noise = some.map((_, i) => gaussianNoise([...seed, made.length + i], size));
        made.push(...(await sample(some, noise)));
      }
      return made;
    },
    async close() {
      await trainer.close();
      await before.release();
      await surrogate.release();
      for (const sampler of samplers.values()) await sampler.release();
    },
  };
}
