import { UserError } from '../../../../errors.ts';
import { NO_CHUNK } from '../../../noChunk.ts';
import type { FastConfig } from '../config.ts';
import type { BytePairs } from './bytePairs.ts';
import { cosineTransform, inverseCosineTransform } from './cosineTransform.ts';

/** What a codec is made for. */
type Coding = Pick<FastConfig, 'horizon' | 'actionDim' | 'decoding' | 'fast'>;

/** What codes decode to. */
export interface Decoded {
  /** [horizon, actionDim], normalised. */
  actions: Float64Array;
  /** Coefficients beyond those of a chunk, which were cut; below 0 those that were lacking, for which zeros stand. */
  excess: number;
}

/** FAST (arXiv 2501.09747): chunks as codes, by a cosine transform along time and byte-pair encoding. */
export interface Codec {
  /** A chunk [horizon, actionDim], normalised → codes. */
  encode(this: void, actions: ArrayLike<number>): number[];
  /** Codes → the chunk. Throws a `UserError` for those of no chunk. */
  decode(this: void, codes: readonly number[]): Decoded;
}

/** The nearest whole number; the even one of two. */
function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/** A chunk's coefficients in whole steps: [frequency, actionDim]. */
export const quantised = (actions: ArrayLike<number>, width: number, scale: number): number[] =>
  Array.from(cosineTransform(actions, width), (value) => roundToEven(value * scale));

/** Whole steps as text, a character each; those below the smallest become it. */
export const textOf = (steps: readonly number[], minToken: number): string =>
  steps.map((step) => String.fromCodePoint(Math.max(step - minToken, 0))).join('');

/** What bytes become that are no character. */
const BROKEN = '�';

const REMEDY = 'Nothing is moved by it; train the policy longer, or try a lower temperature';

/** Coefficients of codes, in whole steps. Throws a `UserError` for codes that have none, or with `strict` other than a chunk's. */
function stepsOf(
  codes: readonly number[],
  pairs: BytePairs,
  { horizon, actionDim, decoding, fast }: Coding,
): number[] {
  const count = horizon * actionDim;
  const answer = `the policy's ${codes.length} action tokens`;
  const outside = codes.find((code) => code < 0);
  if (outside !== undefined)
    throw new UserError(
      `${answer} hold one that is no action's (code ${outside}). ${REMEDY}`,
      NO_CHUNK,
    );
  const text = pairs.decode(codes);
  if (text.includes(BROKEN))
    throw new UserError(
      `${answer} are no chunk: bytes among them are no character. ${REMEDY}`,
      NO_CHUNK,
    );
  const steps = [...text].map((character) => character.codePointAt(0)! + fast.minToken);
  if (steps.length === 0) throw new UserError(`${answer} decode to nothing. ${REMEDY}`, NO_CHUNK);
  if (decoding === 'strict' && steps.length !== count)
    throw new UserError(
      `${answer} decode to ${steps.length} coefficients, a chunk of ${horizon} × ${actionDim} has ${count}. ${REMEDY}; "decoding": "relaxed" in policy.json pads with zeros and cuts, as lerobot does`,
      NO_CHUNK,
    );
  return steps;
}

export const fastCodec = (pairs: BytePairs, coding: Coding): Codec => {
  const { horizon, actionDim, fast } = coding;
  const count = horizon * actionDim;
  return {
    encode: (actions) =>
      pairs.encode(textOf(quantised(actions, actionDim, fast.scale), fast.minToken)),
    decode(codes) {
      const steps = stepsOf(codes, pairs, coding);
      const coefficients = Array.from({ length: count }, (_, i) => (steps[i] ?? 0) / fast.scale);
      return {
        actions: inverseCosineTransform(coefficients, actionDim),
        excess: steps.length - count,
      };
    },
  };
};
