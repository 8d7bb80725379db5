import { UserError } from '../../../errors.ts';
import { Tensor, executionProvidersOf } from '../../../session/session.ts';
import { uniformNumbers } from '../../../tensors/noise.ts';
import type { Bundle } from '../../bundle/config.ts';
import type { CameraImages } from '../../cameraImages.ts';
import type { NoiseSource } from '../../chunkPolicy.ts';
import { type FamilySampler, NOTHING_TO_LEARN, type SamplerOptions } from '../../family.ts';
import { openOnWeights } from '../../paligemma/openOnWeights.ts';
import { type Adopted, adopted, initialParameters } from '../../paligemma/adopted.ts';
import { createSampling } from '../../sampling.ts';
import { makeTransforms } from '../../vectors/transforms.ts';
import { type WrittenTokens, demandFinite } from '../../writtenTokens.ts';
import { allowedIds, codesIn } from './actionTokens.ts';
import { fastParameters } from './adapted.ts';
import { type BundleTokenizers, loadTokenizers } from './bundleTokenizers.ts';
import type { FastConfig } from './config.ts';
import { fastCodec } from './fast/codec.ts';
import { sampleGraph } from './graphs.ts';
import { layoutOf } from './layout.ts';
import { promptIds } from './promptIds.ts';
import { spellingOf } from './spelling.ts';

/** A chunk comes from its tokens alone. */
const NO_NOISE = new Float32Array();

/** Less than any uniform number but zero. */
const TINY = 2 ** -33;

/** Gumbel noise, with which the likeliest token is a sample of all. */
function gumbelNoise(seed: number, count: number): Float32Array {
  const draw = uniformNumbers(seed);
  return Float32Array.from({ length: count }, () => -Math.log(-Math.log(draw() || TINY)));
}

/** The temperature at which a chunk's tokens are drawn; 0 takes the likeliest. */
function temperatureOf(source: NoiseSource, { temperature }: FastConfig): number {
  if (source === 'zero') return 0;
  const { exploration } = source;
  if (!exploration) return temperature;
  if (exploration.view > 0 || exploration.offset > 0)
    throw new UserError(
      'a π0-FAST explores by its temperature, not by a view or an offset; leave both at 0',
      { kind: 'unsupported', fields: ['view', 'offset'] },
    );
  return exploration.temperature;
}

/**
 * What chooses among tokens: nothing where the likeliest is taken. The graph divides logits by the temperature that the
 * policy is sampled at; for another one, noise is scaled.
 */
function noiseInput(config: FastConfig, { marks }: BundleTokenizers) {
  const dims = [config.maxActionTokens - marks.lead.length, allowedIds(config, marks).length];
  const count = dims[0] * dims[1];
  const none = new Tensor('float32', new Float32Array(count), dims);
  return (source: NoiseSource, temperature: number): Tensor => {
    if (source === 'zero' || temperature === 0) return none;
    const scale = temperature / graphTemperature(config);
    const noise = gumbelNoise(source.seed, count);
    return new Tensor('float32', scale === 1 ? noise : noise.map((value) => scale * value), dims);
  };
}

/** What the graph divides logits by. */
const graphTemperature = ({ temperature }: FastConfig): number =>
  temperature > 0 ? temperature : 1;

/** Log-probabilities of the choices [tokens] by logits [tokens, allowed] that are multiplied by `sharpness`. */
function logSoftmaxAt(logits: Float32Array, choices: readonly number[], sharpness: number) {
  const width = logits.length / choices.length;
  return Float32Array.from(choices, (choice, row) => {
    const own = logits.subarray(row * width, (row + 1) * width);
    const most = own.reduce((a, b) => Math.max(a, b));
    const sum = own.reduce((total, value) => total + Math.exp(sharpness * (value - most)), 0);
    return sharpness * (own[choice] - most) - Math.log(sum);
  });
}

/** The record of the tokens that a chunk was made of; without a temperature each is certain. */
function recordTokens(config: FastConfig, { marks }: BundleTokenizers) {
  const places = new Map(allowedIds(config, marks).map((id, place) => [id, place]));
  return (tokens: readonly number[], logits: Float32Array, temperature: number): WrittenTokens => {
    const choices = tokens.map((token) => places.get(token)!);
    const sharpness = graphTemperature(config) / temperature;
    return {
      ids: Int32Array.from(tokens),
      logProbabilities:
        temperature === 0
          ? new Float32Array(tokens.length)
          : logSoftmaxAt(logits, choices, sharpness),
      temperature,
    };
  };
}

/** The images as the policy reads them, without those of absent cameras. */
function imageInput(
  { architecture, shape }: Bundle<FastConfig>,
  { bytes, pictures }: CameraImages,
) {
  const { black, vision } = architecture;
  const { showsAbsent } = layoutOf(architecture);
  const side = vision.imageSize;
  const tensorOf = (data: Uint8Array, images: number) =>
    new Tensor('uint8', data, [1, images, side, side, 3]);
  const all = tensorOf(bytes, shape.images.length);
  const nothing = new Uint8Array(side * side * 3);
  return (absent: readonly number[]): Tensor => {
    if (absent.length + black.length === 0) return all;
    const shown = pictures.map((picture, i) => (absent.includes(i) ? nothing : picture));
    const kept = showsAbsent ? shown : shown.filter((picture) => picture !== nothing);
    for (const place of black) kept.splice(place, 0, nothing);
    return tensorOf(Buffer.concat(kept), kept.length);
  };
}

/** Prompt and state as the policy reads them. */
function promptInput(config: FastConfig, { text }: BundleTokenizers) {
  const idsOf = promptIds(config, text);
  return (prompt: string, state: ArrayLike<number>): Tensor => {
    const ids = BigInt64Array.from(idsOf(prompt, state), BigInt);
    return new Tensor('int64', ids, [1, ids.length]);
  };
}

/** Opens a sampler: a chunk is one call, which writes its tokens one by one. */
export async function openFast(
  bundle: Bundle<FastConfig>,
  { session, scaler, trainable, adapter }: SamplerOptions,
): Promise<FamilySampler> {
  const { architecture: config, version, shape } = bundle;
  const tokenizers = await loadTokenizers(bundle.folder, config);
  const { marks, pairs } = tokenizers;
  const spelling = spellingOf(pairs, config, marks);
  const graph = await openOnWeights(bundle, session, (weights, products) =>
    sampleGraph(config, weights, 'bytes', marks, { trainable, products, spelling }),
  );
  const own: Adopted = trainable
    ? await initialParameters(bundle, fastParameters(config, trainable), trainable)
    : { version, parameters: {} };
  let current = adapter ? adopted(adapter) : own;
  const codec = fastCodec(pairs, config);
  const transforms = makeTransforms(bundle.transforms, shape);
  const { images, sample } = createSampling(bundle, scaler, (feeds) =>
    graph.run(feeds, ['written', 'logits']),
  );
  const imagesOf = imageInput(bundle, images);
  const noiseOf = noiseInput(config, tokenizers);
  const promptOf = promptInput(config, tokenizers);
  const tokensOf = recordTokens(config, tokenizers);

  return {
    executionProviders: executionProvidersOf(graph),
    see: images.see,
    async sample(request) {
      const { state, prompt, noise, absent = [] } = request;
      if (noise !== 'zero' && noise.exploration && !trainable)
        throw new UserError(NOTHING_TO_LEARN, { kind: 'unsupported' });
      const temperature = temperatureOf(noise, config);
      const { version, parameters } = current;
      return sample(request, () => ({
        feeds: {
          images: imagesOf(absent),
          tokens: promptOf(prompt, transforms.state(state).subarray(0, state.length)),
          noise: noiseOf(noise, temperature),
          ...parameters,
        },
        chunk({ written, logits }) {
          const scores = logits.data as Float32Array;
          demandFinite(scores);
          const tokens = Array.from(written.data as BigInt64Array, Number);
          const { actions, excess } = codec.decode(codesIn(tokens, marks, config));
          return {
            actions: transforms.actions(Float32Array.from(actions), state),
            noise: NO_NOISE,
            tokens: {
              ...tokensOf(tokens, scores, temperature),
              ...(excess !== 0 && { excess }),
            },
            horizon: config.horizon,
            policyVersion: version,
          };
        },
      }));
    },
    adopt(next) {
      current = next ? adopted(next) : own;
    },
    async goldenChunk(inputs) {
      const { logits } = await graph.run({ ...inputs, ...own.parameters }, ['logits']);
      return logits.data as Float32Array;
    },
    close: () => graph.release(),
  };
}
