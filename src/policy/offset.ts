import { gaussianNoise } from '../tensors/noise.ts';

/**
 * What is added to each row of a policy's chunks: [actionDim], in standard deviations of its actions. It
 * compensates for what displaces all of a robot's motions alike: a camera or a joint's zero that is not where it
 * was in the demonstrations.
 */
export type Offset = Float32Array;

/** Largest offset of a dimension. */
export const FARTHEST_OFFSET = 0.2;

export const noOffset = (dims: number): Offset => new Float32Array(dims);

export const isNone = (offset: Offset): boolean => offset.every((value) => value === 0);

/** Seed component that separates draws of offsets from those of chunks, attempts and views. */
const OFFSET = 33;

/** `offset` plus `steps` of its first dimensions, clamped to ±FARTHEST_OFFSET. */
export const movedOffset = (offset: Offset, steps: ArrayLike<number>): Offset =>
  offset.map((value, i) =>
    Math.max(-FARTHEST_OFFSET, Math.min(FARTHEST_OFFSET, Math.fround(value + (steps[i] ?? 0)))),
  );

/** The offset of an exploring attempt: `offset` plus Gaussian steps of standard deviations [actionDim]. */
export const exploredOffset = (offset: Offset, deviations: readonly number[], attempt: number): Offset =>
  movedOffset(offset, [...gaussianNoise([attempt, OFFSET], offset.length)].map((step, i) => deviations[i] * step)); // prettier-ignore

/** Rows [rows, dims] with `share` of an offset [dims], if any, added to each. */
export const displaced = (
  rows: Float32Array,
  offset: Offset | undefined,
  share: 1 | -1,
): Float32Array =>
  offset ? rows.map((value, i) => value + share * offset[i % offset.length]) : rows;
