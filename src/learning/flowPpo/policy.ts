import { encodeModel } from '../../onnx/modelFile.ts';
import { learnableOf } from '../../policy/families/registry.ts';
import type { Parameter } from '../../policy/trainable.ts';
import { type InferenceSession, type Tensor, openModel } from '../../session/session.ts';
import type { AlgorithmContext } from '../algorithm.ts';
import { demandPrefix } from '../attempts/prefix.ts';
import type {
  AdvantageChunk,
  Batch,
  LearningPolicy,
  Moment,
} from '../policyGradient/learningPolicy.ts';
import { constantRate } from '../train/optimiser.ts';
import { inParts } from '../train/order.ts';
import { outputsOf } from '../train/outputs.ts';
import { weightInputs } from '../train/parameters.ts';
import { frozenWeights } from '../train/startingWeights.ts';
import { type Trainer, type TrainingState, openTrainer } from '../train/trainer.ts';
import type { FlowPpoConfig } from './config.ts';
import {
  type FlowStep,
  type PreparedStep,
  atCall,
  flowSteps,
  meanFeeds,
  surrogateFeeds,
} from './flowSteps.ts';
import { type FlowPpoGraphOptions, flowPpoGraph, surrogateGraph } from './graph.ts';
import { checkRecorded, energyOf, measureSteps } from './measure.ts';

/** As FPO's: without Adam's division by each parameter's own scale, a step follows the mean gradient. */
const ADAM = { beta1: 0.9, beta2: 0.99, epsilon: 1 };

/** The steps of an update's flows, and the graph inputs of each microbatch. */
export interface FlowPpoBatch extends Batch {
  steps: readonly PreparedStep[];
}

/** The surrogate's graphs as ONNX Runtime sessions. */
interface Sessions {
  config: FlowPpoConfig;
  graphs: FlowPpoGraphOptions;
  parameters: readonly Parameter[];
  frozen: Record<string, Tensor>;
  trainer: Trainer;
  surrogate: InferenceSession;
}

async function openSessions(
  { bundle, joints, session }: AlgorithmContext,
  config: FlowPpoConfig,
  start: TrainingState,
): Promise<Sessions> {
  const policy = learnableOf(bundle);
  const { trainable, clip } = config;
  const graphs: FlowPpoGraphOptions = {
    ...{ policy, trainable, dims: joints, text: policy.maxTokens },
    cameras: bundle.cameras.length,
    keeps: bundle.maxDelay !== undefined,
  };
  const parameters = policy.parameters(trainable);
  const graph = flowPpoGraph(graphs, clip);
  const frozen = await frozenWeights(bundle, graph, parameters);
  const optimiser = constantRate(config, ADAM);
  return {
    ...{ config, graphs, parameters, frozen },
    trainer: await openTrainer(graph, parameters, start, optimiser, session, frozen),
    surrogate: await openModel(encodeModel(surrogateGraph(graphs, clip)), session),
  };
}

/** Throws a `UserError` for chunks that were encoded by a policy with another prefix. */
const checkCaches = ({ graphs: { policy, cameras, text } }: Sessions, chunks: readonly AdvantageChunk[]): void =>
  demandPrefix(chunks.map(({ chunk }) => chunk), policy.prefixLength(cameras, text)); // prettier-ignore

const partsOf = <T>(steps: readonly T[], { microbatch }: FlowPpoConfig): T[][] =>
  inParts(steps, microbatch);

/** The current weights as graph inputs. */
const weightsOf = ({ frozen, trainer, parameters }: Sessions) =>
  weightInputs(trainer.state.vectors.parameters, parameters, frozen);

/** A step with where the policy's mean is now, `start`; its own chunks are taken from there. */
function prepared(
  step: FlowStep,
  start: Float32Array,
  { versions }: Moment,
  dims: number,
): PreparedStep {
  const { chunk, chain, call } = step;
  const [state, noise] = [chain.states, chain.noise].map((one) => atCall(one, call, chunk.noise));
  if (versions.includes(chunk.policyVersion)) return { ...step, start, residual: noise, before: 0 };
  const residual = state.map((value, i) => value - start[i]);
  const before = energyOf(step, noise, dims) - energyOf(step, residual, dims);
  return { ...step, start, residual, before };
}

async function prepare(
  sessions: Sessions,
  chunks: readonly AdvantageChunk[],
  moment: Moment,
): Promise<FlowPpoBatch> {
  checkCaches(sessions, chunks);
  const { config, graphs, surrogate } = sessions;
  const { policy, keeps, dims } = graphs;
  const none = new Float32Array(policy.horizon * policy.actionDim);
  const unknown = { start: none, residual: none, before: 0 };
  const steps: PreparedStep[] = [];
  for (const part of partsOf(flowSteps(chunks), config)) {
    const blank = part.map((step) => ({ ...step, ...unknown }));
    const { means } = await surrogate.run({
      ...weightsOf(sessions),
      ...meanFeeds(part, policy, keeps),
      ...surrogateFeeds(blank, policy),
    });
    part.forEach((step, i) => {
      const start = atCall(means.data as Float32Array, i, none).slice();
      steps.push(prepared(step, start, moment, dims));
    });
  }
  checkRecorded(steps, moment.versions);
  return {
    steps,
    parts: partsOf(steps, config).map((part) => ({
      share: part.length / steps.length,
      feeds: () => ({ ...meanFeeds(part, policy, keeps), ...surrogateFeeds(part, policy) }),
    })),
  };
}

/** Opens the surrogate of a policy with a flow on its bundle's weights, where `start` stands. */
export async function openFlowPpoPolicy(
  context: AlgorithmContext,
  config: FlowPpoConfig,
  start: TrainingState,
): Promise<LearningPolicy<FlowPpoBatch>> {
  const sessions = await openSessions(context, config, start);
  const { trainer, surrogate } = sessions;
  const settings = { clip: config.clip, dims: context.joints };
  return {
    get state() {
      return trainer.state;
    },
    clips: true,
    batchOf: (chunks, moment) => prepare(sessions, chunks, moment),
    measure: async ({ steps, parts }) =>
      measureSteps(steps, await outputsOf(surrogate, weightsOf(sessions), parts), settings),
    async step({ steps, parts }, accept) {
      const step = await trainer.stepIf(parts, (outputs) =>
        accept(measureSteps(steps, outputs, settings)),
      );
      return step?.norm;
    },
    shortenStep: (share) => trainer.shorten(share),
    async close() {
      await trainer.close();
      await surrogate.release();
    },
  };
}
