import type { Preference } from '../metrics.ts';
import { spreadOf } from '../train/spread.ts';
import type { Compared } from './preferencePairs.ts';

const meanOf = (values: readonly number[]) => spreadOf(values).mean;

/**
 * How much more a policy prefers the success of each pair than the reference does: the mean of ℓ_ref − ℓ over the
 * success's chunks, less that over the failure's. Losses are of chunks [batch]. Failures last until time is up, so a sum
 * over chunks, as of tokens (arXiv 2305.18290), would count how long attempts are.
 */
export function marginsOf(
  pairs: readonly Compared[],
  losses: readonly number[],
  reference: readonly number[],
): number[] {
  const gain = (places: readonly number[]) =>
    meanOf(places.map((at) => reference[at] - losses[at]));
  return pairs.map(({ success, failure }) => gain(success) - gain(failure));
}

/** −log σ(x), without overflow. */
const preferenceLoss = (x: number) => Math.log1p(Math.exp(-Math.abs(x))) + Math.max(0, -x);

/** The preferences of pairs with these margins. */
export const preferenceOf = (margins: readonly number[], beta: number): Preference => ({
  pairs: margins.length,
  ordered: meanOf(margins.map((margin) => (Math.sign(margin) + 1) / 2)),
  margin: meanOf(margins),
  loss: meanOf(margins.map((margin) => preferenceLoss(beta * margin))),
});

/**
 * [batch] weights w for which the gradient of the mean of w · ℓ over chunks is that of the mean over pairs of
 * −log σ(β · margin) (Diffusion-DPO, arXiv 2311.12908; TPO, arXiv 2411.19309): ±β σ(−β · margin), divided among
 * an attempt's chunks. A chunk of several pairs has a place in each.
 */
export function preferenceWeights(
  pairs: readonly Compared[],
  margins: readonly number[],
  beta: number,
): number[] {
  const batch = pairs.reduce((sum, { success, failure }) => sum + success.length + failure.length, 0); // prettier-ignore
  const weights = new Array<number>(batch).fill(0);
  pairs.forEach(({ success, failure }, pair) => {
    const weight = (batch * beta) / (pairs.length * (1 + Math.exp(beta * margins[pair])));
    for (const at of success) weights[at] = weight / success.length;
    for (const at of failure) weights[at] = -weight / failure.length;
  });
  return weights;
}
