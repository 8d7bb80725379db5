import { median } from '../bench/row.ts';
import { sessionConfigSchema } from '../src/session/session.ts';
import { loadBundle } from '../src/policy/bundle/bundle.ts';
import { withIntegration } from '../src/policy/bundle/withIntegration.ts';
import type { Integration } from '../src/policy/integration.ts';
import { type Sampler, openSampler } from '../src/policy/sampler.ts';
import { spreadOf } from '../src/learning/train/spread.ts';
import type { Demonstration } from '../src/learning/imitation/demonstrations.ts';

/** What a policy's chunks are compared by, in standard deviations of the demonstrated positions, joint by joint. */
export interface ChunkFigures {
  observations: number;
  noises: number;
  /** Root mean square distance from the chunk of the same noise by the reference. */
  error: number;
  /** Standard deviation of chunks of different noise. */
  spread: number;
  /** Root mean square distance of the mean chunk from the demonstrated one. */
  meanError: number;
  /** Milliseconds a chunk, median. */
  ms: number;
}

/** The integration that others are compared with. */
export const REFERENCE: Integration = { steps: 100, solver: 'euler' };

/** Observations with the chunks that were demonstrated. */
export interface Observed {
  demonstrations: readonly Demonstration[];
  /** Pixels of the policy's image side. */
  side: number;
  /** Noises for each observation. */
  noises: number;
  /** [joints] */
  scale: Float64Array;
}

/** The standard deviation of each joint over demonstrated chunks, at least a thousandth. */
export function scaleOf(demonstrations: readonly Demonstration[]): Float64Array {
  const joints = demonstrations[0].state.length;
  return Float64Array.from({ length: joints }, (_, joint) => {
    const values = demonstrations.flatMap(({ actions }) =>
      Array.from(actions).filter((__, i) => i % joints === joint),
    );
    return Math.max(1e-3, spreadOf(values).deviation);
  });
}

/** Chunks by observation and noise, in units of `scale`. */
export type Chunks = Float64Array[][];

async function chunksBy(
  sampler: Sampler,
  { demonstrations, side, noises, scale }: Observed,
): Promise<{ chunks: Chunks; ms: number }> {
  const chunks: Chunks = [];
  const times: number[] = [];
  for (const { images, state, prompt } of demonstrations) {
    const bytes = side * side * 3;
    const pictures = Array.from({ length: images.length / bytes }, (_, i) => ({
      width: side,
      height: side,
      pixels: images.subarray(i * bytes, (i + 1) * bytes),
    }));
    const own: Float64Array[] = [];
    for (let seed = 0; seed < noises; seed++) {
      const request = { images: pictures, state, prompt, noise: { seed } };
      const { actions, timing } = await sampler.sample(request);
      times.push(timing.run);
      own.push(Float64Array.from(actions, (value, i) => value / scale[i % scale.length]));
    }
    chunks.push(own);
  }
  return { chunks, ms: median(times) };
}

/** Samples a policy's chunks of the observations by one integration, on one thread. */
export async function sampleChunks(folder: string, integration: Integration, observed: Observed) {
  const bundle = withIntegration(await loadBundle(folder), integration);
  const sampler = await openSampler(bundle, sessionConfigSchema.parse({ threads: 1 }));
  try {
    return await chunksBy(sampler, observed);
  } finally {
    await sampler.close();
  }
}

const meanOf = (values: readonly number[]) =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Mean square of differences. */
const squaredDistance = (a: Float64Array, b: Float64Array) =>
  a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0) / a.length;

const centre = (chunks: readonly Float64Array[]) =>
  chunks[0].map((_, i) => meanOf(chunks.map((chunk) => chunk[i])));

/** Root mean square distance between chunks of the same observations and noises. */
export const errorBetween = (a: Chunks, b: Chunks): number =>
  Math.sqrt(meanOf(a.flatMap((own, i) => own.map((chunk, j) => squaredDistance(chunk, b[i][j])))));

/** The figures of chunks beside those of the reference. */
export function figuresOf(
  { chunks, ms }: { chunks: Chunks; ms: number },
  reference: Chunks,
  { demonstrations, noises, scale }: Observed,
): ChunkFigures {
  const centres = chunks.map(centre);
  const around = chunks.map((own, i) => meanOf(own.map((chunk) => squaredDistance(chunk, centres[i])))); // prettier-ignore
  const variance = (meanOf(around) * noises) / (noises - 1);
  const goals = demonstrations.map(({ actions }) =>
    Float64Array.from(actions, (value, i) => value / scale[i % scale.length]),
  );
  const offset = meanOf(centres.map((one, i) => squaredDistance(one, goals[i])));
  return {
    observations: chunks.length,
    noises,
    error: errorBetween(chunks, reference),
    spread: Math.sqrt(variance),
    // The mean of a few chunks is itself off by a share of their spread.
    meanError: Math.sqrt(Math.max(0, offset - variance / noises)),
    ms,
  };
}
