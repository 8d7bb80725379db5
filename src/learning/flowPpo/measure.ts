import { UserError } from '../../errors.ts';
import type { Tensor } from '../../session/session.ts';
import type { Measures } from '../policyGradient/trustRegion.ts';
import { spreadOf } from '../train/spread.ts';
import { type FlowStep, type PreparedStep, atCall } from './flowSteps.ts';

const mean = (values: ArrayLike<number>) => spreadOf(values).mean;

/** ½ Σ e² over the first `dims` of x's dimensions, with e = Σ_h weights·x: minus the log density, but for a constant. */
export function energyOf(
  { weights }: Pick<FlowStep, 'weights'>,
  x: Float32Array,
  dims: number,
): number {
  const actionDim = x.length / weights.length;
  let energy = 0;
  for (let dim = 0; dim < dims; dim++) {
    const standard = weights.reduce(
      (sum, weight, row) => sum + weight * x[row * actionDim + dim],
      0,
    );
    energy += standard ** 2 / 2;
  }
  return energy;
}

/** Measures of an update's steps from the outputs of surrogateGraph for each of its parts. */
export function measureSteps(
  steps: readonly PreparedStep[],
  outputs: readonly Record<string, Tensor>[],
  { clip, dims }: { clip: number; dims: number },
): Measures {
  const all = (name: string) => outputs.flatMap((part) => [...(part[name].data as Float32Array)]);
  const moved = all('moved');
  const ratios = moved.map((log, i) => Math.exp(steps[i].before + log));
  return {
    ratios,
    loss: mean(steps.map((step, i) => energyOf(step, step.residual, dims) - moved[i])) / dims,
    approxKl: mean(all('divergences')),
    expectedGain: mean(moved.map((log, i) => steps[i].advantage * Math.expm1(log))),
    clipFraction: mean(ratios.map((ratio) => Number(Math.abs(ratio - 1) > clip))),
    farthestRatio: moved.reduce((most, log) => Math.max(most, Math.abs(Math.expm1(log))), 0),
  };
}

/**
 * Largest mean distance of a policy's own recorded steps from where it goes now, in deviations of their noise. Another
 * precision of the sampler makes some tenths.
 */
const LARGEST_DISTANCE = 1;

/** Throws a `UserError` where steps that these versions made do not begin or end where the policy goes. */
export function checkRecorded(steps: readonly PreparedStep[], versions: readonly string[]): void {
  const distances = steps
    .filter(({ chunk }) => versions.includes(chunk.policyVersion))
    .map(({ chunk: { noise }, chain, call, start, weights }) => {
      const [state, added] = [chain.states, chain.noise].map((one) => atCall(one, call, noise));
      const actionDim = noise.length / weights.length;
      const squares = Array.from(start, (value, i) => (value - state[i] + added[i]) ** 2);
      const counted = squares.filter((_, i) => weights[Math.floor(i / actionDim)] > 0);
      return Math.sqrt(mean(counted)) / chain.size;
    });
  if (distances.length === 0 || mean(distances) < LARGEST_DISTANCE) return;
  throw new UserError(
    `the flows of this policy's own chunks went elsewhere than it goes now, by ${mean(distances).toPrecision(3)} deviations of their noise on average: how likely they were cannot be told; look for broken episodes, or for a sampler whose precision is too low`,
    { kind: 'mismatch', fields: ['chain'] },
  );
}
