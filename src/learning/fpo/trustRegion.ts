import { UserError } from '../../errors.ts';
import type { Tensor } from '../../session/session.ts';
import type { UpdateChunk } from './batch.ts';
import type { FpoConfig } from './config.ts';
import { spreadOf } from '../train/spread.ts';

/** How far from 1 a ratio may be before the first step: beyond it old and new losses differ in kind. */
const RATIO_TOLERANCE = 1e-3;

/** How far an update may drift when so many have moved the policy. */
export function driftAfter({ drift, later }: FpoConfig['stop'], updates: number): number {
  return drift * (1 - (1 - later.share) * Math.min(1, updates / later.updates));
}

/** What of the chunks' ratios tells how far the policy has gone. */
export function lookAt(
  chunks: readonly UpdateChunk[],
  outputs: readonly Record<string, Tensor>[],
  { clip, logRatioClamp }: Pick<FpoConfig, 'clip' | 'logRatioClamp'>,
) {
  const all = (name: string) => outputs.flatMap((some) => [...(some[name].data as Float32Array)]);
  const [ratios, losses] = [all('ratios'), all('losses')];
  const old = chunks.flatMap(({ oldLosses }) => [...oldLosses]);
  const changes = old.map((before, i) =>
    Math.max(-logRatioClamp, Math.min(logRatioClamp, before - losses[i])),
  );
  const mean = (values: ArrayLike<number>) => spreadOf(values).mean;
  const advantageOf = (pair: number) =>
    chunks[Math.floor((pair * chunks.length) / changes.length)].advantage;
  return {
    ratios,
    loss: mean(losses),
    change: changes.reduce((most, change) => Math.max(most, Math.abs(Math.expm1(change))), 0),
    drift: mean(changes.map((change) => Math.expm1(change) - change)),
    gain: mean(changes.map((change, i) => advantageOf(i) * Math.expm1(change))),
    clipShare: mean(ratios.map((ratio) => Number(Math.abs(ratio - 1) > clip))),
  };
}

export type Look = ReturnType<typeof lookAt>;

/** Why an update is to end before this step; undefined if it is not. */
export function reasonToStop(
  { drift, clipShare }: Look,
  farthest: number,
  { stop, ratio, clipping }: FpoConfig,
): string | undefined {
  if (drift > farthest)
    return `drift ${drift.toPrecision(3)} is above ${Number(farthest.toPrecision(3))}`;
  const clips = clipping && ratio !== 'none';
  if (clips && clipShare > stop.clipShare)
    return `${(100 * clipShare).toFixed(0)} % of the ratios are clipped, above ${100 * stop.clipShare} %`;
  return undefined;
}

/** Whether the trainer's numerics are those of the old losses. */
export function checkStart({ change }: Look): void {
  if (!(change < RATIO_TOLERANCE))
    throw new UserError(
      `before the first step a ratio differs from 1 by ${change.toPrecision(3)}: the old losses are not those of this policy on these chunks; look for broken episodes`,
    );
}
