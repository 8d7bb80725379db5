import { join } from 'node:path';
import { UserError } from '../../errors.ts';
import { elementCount } from '../../onnx/dim.ts';
import type { ElementType } from '../../tensors/elementType.ts';
import { Graph } from '../../onnx/graph.ts';
import { type TensorSource, loadSafetensors, writeSafetensors } from '../../tensors/safetensors.ts';
import { Tensor } from '../../session/session.ts';
import { GOLDEN_FILE } from './bundle.ts';
import { gaussianNoise, uniformNumbers } from '../../tensors/noise.ts';
import { type Pi0Config, hasStateToken } from '../families/pi0/config.ts';
import { denoise, projectTimes } from '../families/pi0/expert.ts';
import { integrate, observedCache, prefixInputs } from '../families/pi0/graphs.ts';
import { encodePrefix } from '../families/pi0/prefix.ts';
import { type Bundle } from './config.ts';
import { type WeightSource } from '../families/pi0/network.ts';

/** What of a sample is compared, in the order in which it comes about. */
export const STAGES = ['embeddings', 'keys', 'values', 'velocity', 'actions'] as const;

export type Stage = (typeof STAGES)[number];

export type Feeds = Record<string, Tensor>;

/** Tokens of the golden prompt. */
const PROMPT = 8;
const SEED = 20_261_126;

/**
 * The sampler with what lies on its way as outputs: embeddings of images and prompt, keys and values of
 * the prefix's last layer, the velocity at the noise (t = 1), the chunk.
 */
export function stagesGraph(config: Pi0Config, source: WeightSource, products?: ElementType) {
  const graph = new Graph('stages', undefined, products);
  const weights = source(graph);
  const inputs = prefixInputs(graph, config, 'bytes', false);
  const prefix = encodePrefix(weights, inputs, config);
  const cache = observedCache(graph, weights, prefix, config);
  const noise = graph.input('noise', 'float32', ['batch', config.horizon, config.actionDim]);
  const steps = graph.input('steps', 'int64', []);
  const atStart = projectTimes(weights, graph.constant('float32', [1]), config);
  const { keys, values } = prefix.layers.at(-1)!;
  graph.output('embeddings', prefix.embeddings);
  graph.output('keys', keys);
  graph.output('values', values);
  graph.output('velocity', denoise(weights, noise, atStart, cache, config));
  graph.output('actions', integrate(weights, noise, steps, cache, config));
  return graph;
}

/** Inputs of any policy of these dimensions: random pictures, tokens, state and noise, always the same. */
function inputsOf({ pi0, cameras, steps }: Bundle): Feeds {
  const { vision, language, horizon, actionDim, stateDim, maxTokens } = pi0;
  const side = vision.imageSize;
  const draw = uniformNumbers([SEED, 0]);
  const bytes = Uint8Array.from({ length: cameras.length * side * side * 3 }, () => 256 * draw());
  const text = Math.min(PROMPT, maxTokens);
  const ids = Array.from({ length: text }, () => BigInt(Math.floor(draw() * language.vocabulary)));
  const normal = (stream: number, dims: number[]) =>
    new Tensor('float32', gaussianNoise([SEED, stream], elementCount(dims) as number), dims);
  return {
    images: new Tensor('uint8', bytes, [1, cameras.length, side, side, 3]),
    tokens: new Tensor('int64', BigInt64Array.from(ids), [1, text]),
    ...(hasStateToken(pi0) && { state: normal(1, [1, stateDim]) }),
    noise: normal(2, [1, horizon, actionDim]),
    steps: new Tensor('int64', BigInt64Array.of(BigInt(steps)), []),
  };
}

export interface Golden {
  inputs: Feeds;
  outputs: Record<Stage, Float32Array>;
}

/** The first stage with a number that is not finite; undefined if all are finite. */
const notFinite = (outputs: Record<Stage, Float32Array>): Stage | undefined =>
  STAGES.find((stage) => !outputs[stage].every(Number.isFinite));

/**
 * A bundle's golden numbers, made by `run` of the stages' graph, are written beside its weights. Throws a
 * `UserError` where the policy gives none that are finite.
 */
export async function writeGolden(
  bundle: Bundle,
  run: (feeds: Feeds) => Promise<Feeds>,
): Promise<void> {
  const inputs = inputsOf(bundle);
  const outputs = await run(inputs);
  const values = Object.fromEntries(STAGES.map((stage) => [stage, outputs[stage].data]));
  const stage = notFinite(values as Record<Stage, Float32Array>);
  if (stage)
    throw new UserError(
      `${bundle.folder}: stage ${stage} holds numbers that are not finite, on the CPU in float32: weights of it are not finite or far too large. No golden numbers were written; import or train it again`,
    );
  const sources = (prefix: string, tensors: Feeds, names: readonly string[]) =>
    names.map((name): TensorSource => {
      const { data, dims } = tensors[name];
      return { name: `${prefix}.${name}`, shape: dims, data: data as Float32Array };
    });
  await writeSafetensors(join(bundle.folder, GOLDEN_FILE), [
    ...sources('input', inputs, Object.keys(inputs)),
    ...sources('output', outputs, STAGES),
  ]);
}

const TYPES = { F32: 'float32', U8: 'uint8', I64: 'int64' } as const;

/**
 * Reads a bundle's golden numbers; undefined where it has none. Throws a `UserError` where they are not
 * finite: nothing can be compared with them.
 */
export async function readGolden(bundle: Bundle): Promise<Golden | undefined> {
  if (!bundle.hasGolden) return undefined;
  const path = join(bundle.folder, GOLDEN_FILE);
  const { tensors } = await loadSafetensors(path);
  const named = (prefix: string) =>
    [...tensors].flatMap(([name, tensor]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), tensor] as const] : [],
    );
  const inputs = named('input.').map(([name, { dtype, shape, data }]) => {
    const type = TYPES[dtype as keyof typeof TYPES];
    return [name, new Tensor(type, data as Float32Array, shape)] as const;
  });
  const outputs = Object.fromEntries(
    named('output.').map(([name, { data }]) => [name, data]),
  ) as Record<Stage, Float32Array>;
  const stage = notFinite(outputs);
  if (stage)
    throw new UserError(
      `${path}: stage ${stage} holds numbers that are not finite: weights of ${bundle.folder} are not finite or far too large. Nothing can be compared with it; import or train it again`,
    );
  return { inputs: Object.fromEntries(inputs), outputs };
}
