import { UserError } from '../../errors.ts';
import { encodeModel } from '../../onnx/modelFile.ts';
import { writerOf } from '../../policy/families/registry.ts';
import type { Adaptable, Writing } from '../../policy/learnable.ts';
import type { Parameter } from '../../policy/trainable.ts';
import { type InferenceSession, Tensor, openModel } from '../../session/session.ts';
import type { AlgorithmContext } from '../algorithm.ts';
import { observationFeeds } from '../fpo/feeds.ts';
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
import type { TokenConfig } from './config.ts';
import { ppoGraph, surrogateGraph } from './graph.ts';
import { type PreparedTokens, checkRecorded, measureTokens } from './measure.ts';

/** As FPO's: without Adam's division by each parameter's own scale, a step follows the mean gradient. */
const ADAM = { beta1: 0.9, beta2: 0.99, epsilon: 1 };

/** An update's chunks, and the graph inputs of each microbatch. */
export interface TokenBatch extends Batch {
  chunks: readonly PreparedTokens[];
}

/** The surrogate's graphs as ONNX Runtime sessions. */
interface Sessions {
  config: TokenConfig;
  policy: Adaptable;
  writing: Writing;
  parameters: readonly Parameter[];
  frozen: Record<string, Tensor>;
  trainer: Trainer;
  surrogate: InferenceSession;
  /** Tokens of a prefix. */
  prefix: number;
}

/** The tokens of chunks. Throws a `UserError` for one without, or of another prefix. */
function demandTokens(chunks: readonly AdvantageChunk[], prefix: number): void {
  for (const { chunk } of chunks)
    if (!chunk.tokens || chunk.valid.length !== prefix)
      throw new UserError(
        `a chunk's cache is of ${chunk.valid.length} tokens, this policy's of ${prefix}; encode the episodes with this bundle`,
        { kind: 'mismatch' },
      );
}

const tokensOf = ({ chunk }: AdvantageChunk) => chunk.tokens!;
const countOf = (chunks: readonly AdvantageChunk[]) =>
  chunks.reduce((sum, chunk) => sum + tokensOf(chunk).ids.length, 0);

/** The graph's inputs for some chunks. */
function feedsOf({ writing, policy }: Sessions, chunks: readonly AdvantageChunk[]) {
  const advantages = Float32Array.from(chunks, ({ advantage }) => advantage);
  return {
    ...observationFeeds(chunks.map(({ chunk }) => chunk), policy), // prettier-ignore
    ...writing.feeds(chunks.map(tokensOf)),
    advantages: new Tensor('float32', advantages, [chunks.length, 1]),
  };
}

/** Chunks in parts that are computed at once. */
const partsOf = <T>(chunks: readonly T[], { microbatch }: TokenConfig): T[][] =>
  inParts(chunks, microbatch);

/** Log-probabilities of the chunks' tokens in the outputs of each part. */
function readOutputs(
  { writing: { before } }: Sessions,
  parts: readonly (readonly AdvantageChunk[])[],
  outputs: readonly Record<string, Tensor>[],
): Float32Array[] {
  return parts.flatMap((part, i) => {
    const { data, dims } = outputs[i].log_probabilities;
    return part.map((chunk, j) => {
      const from = j * dims[1] + before;
      return (data as Float32Array).slice(from, from + tokensOf(chunk).ids.length);
    });
  });
}

/** Log-probabilities of chunks' tokens under the current parameters. */
async function logProbabilities(
  sessions: Sessions,
  parts: readonly (readonly AdvantageChunk[])[],
): Promise<Float32Array[]> {
  const { frozen, trainer, parameters, surrogate } = sessions;
  const weights = weightInputs(trainer.state.vectors.parameters, parameters, frozen);
  const fed = parts.map((part) => ({ feeds: () => feedsOf(sessions, part) }));
  const outputs = await outputsOf(surrogate, weights, fed);
  return readOutputs(sessions, parts, outputs);
}

async function prepare(
  sessions: Sessions,
  given: readonly AdvantageChunk[],
  { versions }: Moment,
): Promise<TokenBatch> {
  demandTokens(given, sessions.prefix);
  // Those of about the same length together, as they are padded to the longest of a part.
  const chunks = [...given].sort((a, b) => tokensOf(a).ids.length - tokensOf(b).ids.length);
  const parts = partsOf(chunks, sessions.config);
  const start = await logProbabilities(sessions, parts);
  const prepared = chunks.map((chunk, i) => ({ ...chunk, start: start[i] }));
  checkRecorded(prepared, versions);
  const all = countOf(chunks);
  return {
    chunks: prepared,
    parts: parts.map((part) => ({
      share: countOf(part) / all,
      feeds: () => feedsOf(sessions, part),
    })),
  };
}

async function openSessions(
  { bundle, session }: AlgorithmContext,
  config: TokenConfig,
  start: TrainingState,
): Promise<Sessions> {
  const policy = writerOf(bundle);
  const writing = await policy.openWriting(bundle.folder);
  const { trainable, clip } = config;
  const text = policy.maxTokens;
  const options = { trainable, cameras: bundle.cameras.length, text };
  const parameters = policy.parameters(trainable);
  const names = parameters.map(({ name }) => name);
  const graph = ppoGraph(names, writing, options, clip);
  const frozen = await frozenWeights(bundle, graph, parameters);
  const optimiser = constantRate(config, ADAM);
  return {
    ...{ config, policy, writing, parameters, frozen },
    prefix: policy.prefixLength(bundle.cameras.length, text),
    trainer: await openTrainer(graph, parameters, start, optimiser, session, frozen),
    surrogate: await openModel(encodeModel(surrogateGraph(writing, options, clip)), session),
  };
}

/** Opens the surrogate of a policy that writes tokens on its bundle's weights, where `start` stands. */
export async function openTokenPolicy(
  context: AlgorithmContext,
  config: TokenConfig,
  start: TrainingState,
): Promise<LearningPolicy<TokenBatch>> {
  const sessions = await openSessions(context, config, start);
  const { trainer, surrogate } = sessions;
  const parts = (chunks: readonly PreparedTokens[]) => partsOf(chunks, config);
  return {
    get state() {
      return trainer.state;
    },
    clips: true,
    batchOf: (chunks, moment) => prepare(sessions, chunks, moment),
    measure: async ({ chunks }) =>
      measureTokens(chunks, await logProbabilities(sessions, parts(chunks)), config.clip),
    async step({ chunks, parts: fed }, accept) {
      const step = await trainer.stepIf(fed, (outputs) => {
        const now = readOutputs(sessions, parts(chunks), outputs);
        return accept(measureTokens(chunks, now, config.clip));
      });
      return step?.norm;
    },
    shortenStep: (share) => trainer.shorten(share),
    async close() {
      await trainer.close();
      await surrogate.release();
    },
  };
}
