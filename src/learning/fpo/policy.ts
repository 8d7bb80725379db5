import { encodeModel } from '../../onnx/modelFile.ts';
import { type InferenceSession, Tensor, openModel } from '../../session/session.ts';
import { learnableOf } from '../../policy/families/registry.ts';
import type { Parameter } from '../../policy/trainable.ts';
import { integrationKey } from '../../policy/integration.ts';
import { integrationTensor } from '../../policy/integrationTensor.ts';
import type { SampledJoin } from '../../policy/joinKinds.ts';
import type { AlgorithmContext } from '../algorithm.ts';
import { demandPrefix } from '../attempts/prefix.ts';
import { chunkGraph } from '../train/chunkGraph.ts';
import { constantRate } from '../train/optimiser.ts';
import { inParts } from '../train/order.ts';
import { outputsOf } from '../train/outputs.ts';
import { weightInputs } from '../train/parameters.ts';
import { spreadOf } from '../train/spread.ts';
import { frozenWeights } from '../train/startingWeights.ts';
import { type Trainer, type TrainingState, openTrainer } from '../train/trainer.ts';
import { type FpoConfig, surrogateConfig } from './config.ts';
import { flowFeeds, joined, observationFeeds, previousFeeds, surrogateFeeds } from './feeds.ts';
import {
  type FpoGraphOptions,
  centredLossesGraph,
  fpoGraph,
  oldLossesGraph,
  surrogateGraph,
} from './graph.ts';
import { type PairedChunk, type PreparedChunk, centredScale, drawPairs } from './pairs.ts';
import type { RolloutChunk } from '../attempts/rollout.ts';
import type { Batch, LearningPolicy } from '../policyGradient/learningPolicy.ts';
import { measure } from './measure.ts';

/** An update's chunks with their old losses, and the graph inputs of each microbatch. */
export interface FpoBatch extends Batch {
  chunks: readonly PreparedChunk[];
  /** The factor on centred losses. */
  scale?: number;
}

/** A policy trained on FPO's surrogate. */
export interface FpoPolicy extends LearningPolicy<FpoBatch> {
  /** Computes the old losses of an update's chunks. Throws a UserError for chunks of another policy. */
  prepare(chunks: readonly PairedChunk[]): Promise<FpoBatch>;
  /** [horizon, actionDim] what the policy makes of each chunk's noise, without exploration, joined as it was. */
  centres(chunks: readonly RolloutChunk[]): Promise<Float32Array[]>;
  /** The same batch with other advantages [chunks]. */
  weighed(batch: FpoBatch, advantages: readonly number[]): FpoBatch;
  /** [chunks] the mean loss of each chunk's pairs, now or by the parameters that are given. */
  losses(batch: FpoBatch, parameters?: Float32Array): Promise<number[]>;
}

/** FPO's graphs as ONNX Runtime sessions. */
interface Sessions extends AlgorithmContext {
  config: FpoConfig;
  graphs: FpoGraphOptions;
  parameters: readonly Parameter[];
  frozen: Record<string, Tensor>;
  trainer: Trainer;
  oldLosses: InferenceSession;
  surrogate: InferenceSession;
  /** One per join kind, opened on first use. */
  samplers: Map<SampledJoin | undefined, InferenceSession>;
}

async function openSessions(
  context: AlgorithmContext,
  config: FpoConfig,
  start: TrainingState,
): Promise<Sessions> {
  const { bundle, joints, session } = context;
  const { cameras } = bundle;
  const policy = learnableOf(bundle);
  const { trainable, samples } = config;
  const graphs: FpoGraphOptions = {
    policy,
    trainable,
    cameras: cameras.length,
    text: policy.maxTokens,
    samples,
    dims: joints,
    keeps: bundle.maxDelay !== undefined,
  };
  const { centred, oldLossClamp } = config.ablation;
  const parameters = policy.parameters(trainable);
  const graph = fpoGraph(graphs, surrogateConfig(config));
  const frozen = await frozenWeights(bundle, graph, parameters);
  const lossesGraph = centred ? centredLossesGraph : oldLossesGraph;
  return {
    ...{ ...context, config, graphs, parameters, frozen },
    trainer: await openTrainer(
      graph,
      parameters,
      start,
      constantRate(config, config.ablation),
      session,
      frozen,
    ),
    oldLosses: await openModel(encodeModel(lossesGraph(graphs, oldLossClamp)), session),
    surrogate: await openModel(
      encodeModel(surrogateGraph(graphs, surrogateConfig(config))),
      session,
    ),
    samplers: new Map(),
  };
}

/** The weights as graph inputs: the current ones, or those that are given. */
const weightsOf = (
  { frozen, trainer, parameters }: Sessions,
  values = trainer.state.vectors.parameters,
) => weightInputs(values, parameters, frozen);

const numbers = (tensor: Tensor) => tensor.data as Float32Array;

/** A tensor's `count` equal parts along its first dimension. */
function divided(tensor: Tensor, count: number): Float32Array[] {
  const size = tensor.data.length / count;
  return Array.from({ length: count }, (_, i) => numbers(tensor).slice(i * size, (i + 1) * size));
}

async function samplerOf(sessions: Sessions, kind: SampledJoin | undefined) {
  const { samplers, graphs, session } = sessions;
  const known = samplers.get(kind);
  const sampler = known ?? (await openModel(encodeModel(chunkGraph(graphs, kind)), session));
  samplers.set(kind, sampler);
  return sampler;
}

/** The chunks [horizon, actionDim] that the policy makes of the same noise without exploration, joined as they were. */
async function centresOf(
  sessions: Sessions,
  all: readonly RolloutChunk[],
): Promise<Float32Array[]> {
  const { policy } = sessions.graphs;
  const centres = new Array<Float32Array>(all.length);
  const keys = all.map(({ join, integration }) => `${join?.kind} ${integrationKey(integration!)}`);
  for (const key of new Set(keys)) {
    const places = [...all.keys()].filter((i) => keys[i] === key);
    const chunks = places.map((i) => all[i]);
    const [{ join, integration }] = chunks;
    const kind = join?.kind;
    const sampler = await samplerOf(sessions, kind);
    const { actions } = await sampler.run({
      ...weightsOf(sessions),
      ...observationFeeds(chunks, policy),
      ...(kind && previousFeeds(chunks, policy)),
      noise: joined(chunks.map(({ noise }) => noise), [chunks.length, policy.horizon, policy.actionDim]), // prettier-ignore
      integration: integrationTensor(integration!),
    });
    divided(actions, chunks.length).forEach((centre, i) => (centres[places[i]] = centre));
  }
  return centres;
}

/** Throws a `UserError` for chunks that were encoded by a policy with another prefix. */
const checkCaches = ({ graphs: { policy, cameras, text } }: Sessions, pairs: readonly PairedChunk[]): void =>
  demandPrefix(pairs.map(({ chunk }) => chunk), policy.prefixLength(cameras, text)); // prettier-ignore

const partsOf = <T>(chunks: readonly T[], { config }: Sessions): T[][] =>
  inParts(chunks, config.microbatch);

function batchFrom(
  sessions: Sessions,
  chunks: readonly PreparedChunk[],
  scale: number | undefined,
): FpoBatch {
  const { policy, keeps } = sessions.graphs;
  const parts = partsOf(chunks, sessions).map((part) => ({
    share: part.length / chunks.length,
    feeds: () => ({ ...flowFeeds(part, policy, keeps), ...surrogateFeeds(part, policy, scale) }),
  }));
  return { chunks, parts, scale };
}

async function prepare(sessions: Sessions, pairs: readonly PairedChunk[]): Promise<FpoBatch> {
  checkCaches(sessions, pairs);
  const { config, joints, graphs, oldLosses } = sessions;
  const { centred } = config.ablation;
  const { policy } = graphs;

  const parts = partsOf(pairs, sessions);
  const centres: Float32Array[][] = [];
  if (centred)
    for (const part of parts)
      centres.push(await centresOf(sessions, part.map(({ chunk }) => chunk))); // prettier-ignore
  const chunks = pairs.map(({ chunk }) => chunk);
  const scale = centred ? centredScale(chunks, centres.flat(), joints) : undefined;
  const scaled = (losses: Float32Array) => losses.map((loss) => loss * (scale ?? 1));

  const prepared: PreparedChunk[] = [];
  for (const [i, part] of parts.entries()) {
    const result = await oldLosses.run({
      ...weightsOf(sessions),
      ...flowFeeds(part, policy, graphs.keeps),
      ...(centred && {
        centre: joined(centres[i], [part.length, policy.horizon, policy.actionDim]),
      }),
    });
    const [losses, clamped, target] = ['losses', 'clamped', 'target'].map((name) =>
      name in result ? divided(result[name], part.length) : [],
    );
    part.forEach((pair, j) =>
      prepared.push({
        ...pair,
        oldLosses: scaled(losses[j]),
        clampedLosses: scaled(clamped[j]),
        target: target[j],
      }),
    );
  }
  return batchFrom(sessions, prepared, scale);
}

/** The outputs of the surrogate's graph for each part of a batch, now or by the parameters that are given. */
const surrogateOutputs = (sessions: Sessions, { parts }: FpoBatch, parameters?: Float32Array) =>
  outputsOf(sessions.surrogate, weightsOf(sessions, parameters), parts);

async function meanLosses(...[sessions, batch, parameters]: Parameters<typeof surrogateOutputs>) {
  const outputs = await surrogateOutputs(sessions, batch, parameters);
  return partsOf(batch.chunks, sessions).flatMap((part, i) =>
    divided(outputs[i].losses, part.length).map((losses) => spreadOf(losses).mean),
  );
}

/** Opens FPO's graphs on a bundle's weights, where `start` stands. */
export async function openLearningPolicy(
  context: AlgorithmContext,
  config: FpoConfig,
  start: TrainingState,
): Promise<FpoPolicy> {
  const sessions = await openSessions(context, config, start);
  const { trainer, oldLosses, surrogate, samplers } = sessions;
  return {
    get state() {
      return trainer.state;
    },
    clips: config.ablation.clipping && config.ablation.ratio !== 'none',
    prepare: (chunks) => prepare(sessions, chunks),
    batchOf: (chunks, { update }) => prepare(sessions, drawPairs(chunks, update, config)),
    centres: async (chunks) => {
      const centres: Float32Array[] = [];
      for (const part of partsOf(chunks, sessions))
        centres.push(...(await centresOf(sessions, part)));
      return centres;
    },
    weighed: ({ chunks, scale }, advantages) =>
      batchFrom(sessions, chunks.map((chunk, i) => ({ ...chunk, advantage: advantages[i] })), scale), // prettier-ignore
    losses: (batch, parameters) => meanLosses(sessions, batch, parameters),
    measure: async (batch) => measure(batch.chunks, await surrogateOutputs(sessions, batch), config), // prettier-ignore
    async step({ chunks, parts }, accept) {
      const step = await trainer.stepIf(parts, (outputs) =>
        accept(measure(chunks, outputs, config)),
      );
      return step?.norm;
    },
    shortenStep: (share) => trainer.shorten(share),
    async close() {
      await trainer.close();
      await oldLosses.release();
      await surrogate.release();
      for (const sampler of samplers.values()) await sampler.release();
    },
  };
}
