import { UserError } from '../../../errors.ts';
import type { Graph, Value } from '../../../onnx/graph.ts';
import { divide, multiply, negate, reduceSum, reshape } from '../../../onnx/operators.ts';
import { Tensor } from '../../../session/session.ts';
import type { Lesson, Lessons, Taught } from '../../learnable.ts';
import { BATCH, prefixInputs } from '../../paligemma/prefixInputs.ts';
import { bundleWeights } from '../../paligemma/bundleWeights.ts';
import { inputWeights } from '../../paligemma/weights.ts';
import { fastParameters } from './adapted.ts';
import { type Marks, mirrored } from './actionTokens.ts';
import { type BundleTokenizers, demandNoBlack, loadTokenizers } from './bundleTokenizers.ts';
import type { FastConfig } from './config.ts';
import { type Codec, fastCodec } from './fast/codec.ts';
import { weightShapes } from './graphs.ts';
import { nextLikelihood, writtenInputs } from './likelihood.ts';
import { type Rows, floats, integers, present } from './padded.ts';
import { promptIds } from './promptIds.ts';

/** A lesson in tokens. */
interface Sentence {
  prompt: number[];
  /** Behind the prompt, without the last. */
  written: number[];
  /** What follows each of `written`, the end included. */
  next: number[];
  /** Of `next` that are not given: codes and the end. */
  counts: number[];
}

/** What a policy should write for a chunk: the marks before it, its codes, and the end. */
function sentenceOf(codec: Codec, { lead, ends }: Marks, config: FastConfig) {
  return (actions: Float32Array): Omit<Sentence, 'prompt'> => {
    const codes = codec.encode(actions).map((code) => mirrored(code, config));
    const tokens = [...lead, ...codes, ends[0]];
    if (tokens.length > config.maxActionTokens)
      throw new UserError(
        `a demonstration's chunk takes ${tokens.length} action tokens, and the policy writes ${config.maxActionTokens}: its end would be cut off. Take a larger maxActionTokens in its policy.json`,
        { kind: 'unsupported', fields: ['maxActionTokens'] },
      );
    const next = tokens.slice(1);
    return {
      written: tokens.slice(0, -1),
      next,
      counts: next.map((_, i) => Number(i >= lead.length - 1)),
    };
  };
}

function sentences(
  lessons: readonly Lesson[],
  { text, marks, pairs }: BundleTokenizers,
  config: FastConfig,
): Sentence[] {
  const idsOf = promptIds(config, text);
  const writtenFor = sentenceOf(fastCodec(pairs, config), marks, config);
  return lessons.map(({ prompt, state, actions }) => ({
    prompt: idsOf(prompt, state),
    ...writtenFor(actions),
  }));
}

const longest = (rows: Rows) => rows.reduce((most, { length }) => Math.max(most, length), 0);

/**
 * The cross-entropy of action tokens, the mean over those that `counted` [batch, count] weighs. Inputs: images, prompt
 * and action tokens with their masks, next, counted, and all weights.
 */
export function tokenLoss(
  graph: Graph,
  config: FastConfig,
  sizes: { cameras: number; text: number; count: number },
  images: 'bytes' | 'floats' = 'bytes',
): Value {
  const { count } = sizes;
  const prompt = prefixInputs(graph, config, images, true, sizes);
  const written = writtenInputs(graph, count);
  const counted = graph.input('counted', 'float32', [BATCH, count]);
  const likelihood = nextLikelihood(inputWeights(graph), prompt, written, config);
  const weighed = multiply(reshape(likelihood, [BATCH, count], counted), counted);
  return negate(divide(reduceSum(weighed, [0, 1], false), reduceSum(counted, [0, 1], false)));
}

async function openLessons(
  config: FastConfig,
  folder: string,
  lessons: readonly Lesson[],
): Promise<Lessons> {
  demandNoBlack(folder, config);
  const all = sentences(lessons, await loadTokenizers(folder, config), config);
  const text = longest(all.map(({ prompt }) => prompt));
  const count = longest(all.map(({ written }) => written));
  return {
    feeds(indices, cameras) {
      const rows = indices.map((index) => all[index]);
      const prompts = rows.map(({ prompt }) => prompt);
      const written = rows.map((row) => row.written);
      return {
        camera_mask: new Tensor('bool', new Uint8Array(rows.length * cameras).fill(1), [rows.length, cameras]), // prettier-ignore
        tokens: integers(prompts, text),
        token_mask: present(prompts, text),
        written: integers(written, count),
        written_mask: present(written, count),
        next: integers(rows.map(({ next }) => next), count), // prettier-ignore
        counted: floats(rows.map(({ counts }) => counts), count), // prettier-ignore
      };
    },
    loss: (graph, cameras) => tokenLoss(graph, config, { cameras, text, count }),
  };
}

/** How a π0-FAST learns: by the cross-entropy of the tokens of demonstrated chunks, read as it samples. */
export function taughtFast(config: FastConfig): Taught {
  const { horizon, actionDim, stateDim, vision } = config;
  return {
    ...{ horizon, actionDim, stateDim, imageSize: vision.imageSize },
    parameters: (trainable) => fastParameters(config, trainable),
    ...bundleWeights(() => weightShapes(config)),
    openLessons: (folder, lessons) => openLessons(config, folder, lessons),
  };
}
