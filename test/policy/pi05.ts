import { Tensor } from 'onnxruntime-node';
import { gaussianNoise, uniformNumbers } from '../../src/tensors/noise.ts';
import { type Pi0Config, pi0ConfigSchema } from '../../src/policy/families/pi0/config.ts';
import { weightShapes } from '../../src/policy/families/pi0/weights.ts';
import type { Sample } from './reference.ts';

/** A π0.5 of a few thousand weights, with grouped key heads. */
export const TINY_PI05: Pi0Config = pi0ConfigSchema.parse({
  variant: 'pi05',
  vision: { width: 16, depth: 2, mlp: 24, heads: 2, patch: 4, imageSize: 8 },
  language: { width: 20, depth: 3, mlp: 32, heads: 4, kvHeads: 2, headDim: 8, vocabulary: 40 },
  expert: { width: 12, depth: 3, mlp: 28, heads: 4, kvHeads: 2, headDim: 8 },
  maxTokens: 6,
  horizon: 5,
  actionDim: 4,
  stateDim: 4,
});

export const CAMERAS = 2;
const BATCH = 2;
const SIDE = TINY_PI05.vision.imageSize;
const TEXT = TINY_PI05.maxTokens;

/** Weights none of which is zero, and such that no block counts for nothing. */
export function liveWeights({ shapes = weightShapes(TINY_PI05), seed = 1 } = {}) {
  return new Map(
    [...shapes].map(([name, dims], i) => {
      const shape = dims as number[];
      const fanIn = shape.slice(1).reduce((a, b) => a * b, 1);
      const size = shape.reduce((a, b) => a * b, 1);
      const deviation = shape.length > 1 ? 1 / Math.sqrt(fanIn) : 0.3;
      const isFactor = /vision.*norm.*weight$/.test(name);
      const drawn = gaussianNoise([seed, i], size);
      return [name, { shape, data: drawn.map((x) => x * deviation + Number(isFactor)) }];
    }),
  );
}

/** Images as bytes [side, side, 3] of each sample and camera. */
function bytesOf(sample: number, camera: number): Uint8Array {
  const draw = uniformNumbers([3, sample, camera]);
  return Uint8Array.from({ length: SIDE * SIDE * 3 }, () => Math.floor(256 * draw()));
}

/** Bytes [side, side, 3] as floats [3, side, side] in −1…1. */
const floatsOf = (bytes: Uint8Array) =>
  Float64Array.from(bytes, (_, i) => {
    const [channel, pixel] = [Math.floor(i / SIDE ** 2), i % SIDE ** 2];
    return (bytes[pixel * 3 + channel] / 255) * 2 - 1;
  });

/** Camera 1 of the second sample is missing, and the first prompt is shorter than the second. */
const PRESENT = [
  [true, true],
  [true, false],
];
const WORDS = [4, 6];

/** Two observations, as the reference takes them. */
export const samples: Sample[] = PRESENT.map((present, sample) => ({
  images: present.map((there, camera) => ({
    pixels: floatsOf(bytesOf(sample, camera)),
    present: there,
  })),
  text: {
    ids: Array.from({ length: TEXT }, (_, i) => (7 * i + 11 * sample + 3) % 40),
    valid: Array.from({ length: TEXT }, (_, i) => i < WORDS[sample]),
  },
  state: [],
}));

/** The same, as inputs of the graphs. */
export function prefixFeeds(): Record<string, Tensor> {
  const images = new Uint8Array(BATCH * CAMERAS * SIDE * SIDE * 3);
  PRESENT.forEach((cameras, sample) =>
    cameras.forEach((_, camera) =>
      images.set(bytesOf(sample, camera), (sample * CAMERAS + camera) * SIDE * SIDE * 3),
    ),
  );
  const ids = BigInt64Array.from(
    samples.flatMap(({ text }) => text.ids),
    BigInt,
  );
  const bools = (values: boolean[], width: number) =>
    new Tensor('bool', Uint8Array.from(values, Number), [BATCH, width]);
  return {
    images: new Tensor('uint8', images, [BATCH, CAMERAS, SIDE, SIDE, 3]),
    camera_mask: bools(PRESENT.flat(), CAMERAS),
    tokens: new Tensor('int64', ids, [BATCH, TEXT]),
    token_mask: bools(
      samples.flatMap(({ text }) => text.valid),
      TEXT,
    ),
  };
}

/** Seeded numbers [2, horizon, actionDim], as noise or actions. */
export function chunks(seed: number): Tensor {
  const { horizon, actionDim } = TINY_PI05;
  const data = gaussianNoise(seed, BATCH * horizon * actionDim);
  return new Tensor('float32', data, [BATCH, horizon, actionDim]);
}

/** One sample's part of such a tensor. */
export const chunkOf = ({ data }: Tensor, sample: number): Float32Array =>
  (data as Float32Array).subarray((sample * data.length) / BATCH, ((sample + 1) * data.length) / BATCH); // prettier-ignore
