import type { Tensor } from '../../session/session.ts';
import type { Measures } from '../policyGradient/trustRegion.ts';
import { spreadOf } from '../train/spread.ts';
import type { FpoConfig } from './config.ts';
import type { PreparedChunk } from './pairs.ts';

/** Measures of an update's chunks from the outputs of surrogateGraph for each of its parts. */
export function measure(
  chunks: readonly PreparedChunk[],
  outputs: readonly Record<string, Tensor>[],
  { clip, ablation: { logRatioClamp } }: Pick<FpoConfig, 'clip' | 'ablation'>,
): Measures {
  const all = (name: string) => outputs.flatMap((part) => [...(part[name].data as Float32Array)]);
  const [ratios, losses] = [all('ratios'), all('losses')];
  const logRatios = chunks
    .flatMap(({ oldLosses }) => [...oldLosses])
    .map((old, i) => Math.max(-logRatioClamp, Math.min(logRatioClamp, old - losses[i])));
  const rows = spreadOf(chunks.map(({ chunk: { mask } }) => mask.reduce((a, b) => a + b, 0))).mean; // prettier-ignore
  const mean = (values: ArrayLike<number>) => spreadOf(values).mean;
  const advantageOf = (pair: number) =>
    chunks[Math.floor((pair * chunks.length) / logRatios.length)].advantage;
  return {
    ratios,
    loss: mean(losses) / rows,
    approxKl: mean(logRatios.map((log) => Math.expm1(log) - log)),
    expectedGain: mean(logRatios.map((log, i) => advantageOf(i) * Math.expm1(log))),
    clipFraction: mean(ratios.map((ratio) => Number(Math.abs(ratio - 1) > clip))),
    farthestRatio: logRatios.reduce((most, log) => Math.max(most, Math.abs(Math.expm1(log))), 0),
  };
}
