import { encodeModel } from '../../onnx/modelFile.ts';
import { type InferenceSession, Tensor, openModel } from '../../session/session.ts';
import { learnableOf } from '../../policy/families/registry.ts';
import type { Parameter } from '../../policy/trainable.ts';
import type { AlgorithmContext } from '../algorithm.ts';
import { demandPrefix } from '../attempts/prefix.ts';
import { constantRate } from '../train/optimiser.ts';
import { inParts } from '../train/order.ts';
import { outputsOf } from '../train/outputs.ts';
import { weightInputs } from '../train/parameters.ts';
import { spreadOf } from '../train/spread.ts';
import { frozenWeights } from '../train/startingWeights.ts';
import { type Trainer, type TrainingState, openTrainer } from '../train/trainer.ts';
import { type FpoConfig, surrogateConfig } from './config.ts';
import { type Centres, divided, openCentres } from './centres.ts';
import { flowFeeds, joined, surrogateFeeds } from './feeds.ts';
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
  centres: Centres;
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
  const trainer = await openTrainer(
    graph,
    parameters,
    start,
    constantRate(config, config.ablation),
    session,
    frozen,
  );
  const weights = () => weightsOf({ frozen, trainer, parameters });
  return {
    ...{ ...context, config, graphs, parameters, frozen, trainer },
    oldLosses: await openModel(encodeModel(lossesGraph(graphs, oldLossClamp)), session),
    surrogate: await openModel(
      encodeModel(surrogateGraph(graphs, surrogateConfig(config))),
      session,
    ),
    centres: openCentres(graphs, weights, config.microbatch, session),
  };
}

/** The weights as graph inputs: the current ones, or those that are given. */
const weightsOf = (
  { frozen, trainer, parameters }: Pick<Sessions, 'frozen' | 'trainer' | 'parameters'>,
  values = trainer.state.vectors.parameters,
) => weightInputs(values, parameters, frozen);

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

  const chunks = pairs.map(({ chunk }) => chunk);
  const centres = centred ? await sessions.centres.of(chunks) : [];
  const centresOf = centred ? partsOf(centres, sessions) : [];
  const scale = centred ? centredScale(chunks, centres, joints) : undefined;
  const scaled = (losses: Float32Array) => losses.map((loss) => loss * (scale ?? 1));

  const prepared: PreparedChunk[] = [];
  for (const [i, part] of partsOf(pairs, sessions).entries()) {
    const result = await oldLosses.run({
      ...weightsOf(sessions),
      ...flowFeeds(part, policy, graphs.keeps),
      ...(centred && {
        centre: joined(centresOf[i], [part.length, policy.horizon, policy.actionDim]),
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
  const { trainer, oldLosses, surrogate, centres } = sessions;
  return {
    get state() {
      return trainer.state;
    },
    clips: config.ablation.clipping && config.ablation.ratio !== 'none',
    prepare: (chunks) => prepare(sessions, chunks),
    batchOf: (chunks, { update }) => prepare(sessions, drawPairs(chunks, update, config)),
    centres: (chunks) => centres.of(chunks),
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
      await centres.close();
    },
  };
}
