import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Tensor } from 'onnxruntime-node';
import { type FastConfig, fastConfigSchema } from '../../src/policy/families/pi0-fast/config.ts';
import { type Marks } from '../../src/policy/families/pi0-fast/actionTokens.ts';
import { type BytePairs, bytePairs } from '../../src/policy/families/pi0-fast/fast/bytePairs.ts';

/** A tiny π0-FAST, and what lerobot's and openpi's own code compute with it (see its README.md). */
export const GOLDEN_FAST = join(import.meta.dirname, '../../../test/golden-fast');

export const goldenFastJson = async <T>(file: string): Promise<T> =>
  JSON.parse(await readFile(join(GOLDEN_FAST, file), 'utf8')) as T;

/** Dimensions of the golden policy, with lerobot's conventions. */
export const GOLDEN_CONFIG: FastConfig = fastConfigSchema.parse({
  layout: 'lerobot',
  vision: { width: 32, depth: 2, mlp: 64, heads: 4, patch: 14, imageSize: 42 },
  language: { width: 48, depth: 2, mlp: 96, heads: 4, kvHeads: 1, headDim: 16, vocabulary: 768 },
  maxTokens: 48,
  maxActionTokens: 24,
  horizon: 8,
  actionDim: 3,
  stateDim: 4,
  fast: { scale: 10, minToken: -28, vocabulary: 256, skip: 128 },
});

/** `Action: `, then `|` and the end of the text. */
export const GOLDEN_MARKS: Marks = { lead: [272, 351, 341], ends: [374, 1] };

export async function goldenPairs(): Promise<BytePairs> {
  const path = join(GOLDEN_FAST, 'fast/tokenizer.json');
  return bytePairs(await readFile(path, 'utf8'), path);
}

/** Strings and integers of the golden data. */
export interface GoldenCases {
  tasks: string[];
  prompts: string[];
  text_tokens: { text: string; ids: number[] }[];
  cases: Record<
    string,
    { text: number[]; ids: number[]; language_ids: number[]; back: number[] }[]
  >;
  odd: Record<string, { ids: number[]; back: number[] | null }>;
  sequences: Record<string, { tokens: number[] }>;
  bpe: { text: number[]; ids: number[] }[];
}

export const goldenCases = () => goldenFastJson<GoldenCases>('cases.json');

/** One sample of a tensor [batch, ...], or its first `count` elements. */
export function sampleOf(tensor: Tensor, index: number, count?: number): Tensor {
  const [batch, ...dims] = tensor.dims;
  const size = tensor.size / batch;
  const data = tensor.data.slice(index * size, index * size + (count ?? size)) as Float32Array;
  return new Tensor(tensor.type as 'float32', data, [1, ...(count === undefined ? dims : [count])]);
}

/** How far numbers are from others: at most, and in the root mean square, over those that count. */
export function distance(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  counts: (index: number) => boolean = () => true,
): { most: number; rms: number } {
  if (actual.length !== expected.length) return { most: Infinity, rms: Infinity };
  let [most, squares, count] = [0, 0, 0];
  for (let i = 0; i < expected.length; i++) {
    if (!counts(i)) continue;
    const difference = Math.abs(actual[i] - expected[i]);
    // Math.max keeps NaN; a comparison would skip it.
    most = Math.max(most, difference);
    squares += difference ** 2;
    count += 1;
  }
  return { most, rms: Math.sqrt(squares / count) };
}
