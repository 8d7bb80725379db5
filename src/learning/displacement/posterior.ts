import { gaussianNoise, uniformNumbers } from '../../tensors/noise.ts';

/** An attempt: where it explored, in units of each group, and how it ended. */
export interface Trial {
  place: readonly number[];
  success: boolean;
}

/** Where success is most probable, and how well that is known. */
export interface Posterior {
  /** By dimension, in units of its group. */
  best: number[];
  /** Standard deviations of the best place. */
  spread: number[];
}

/** Gaussian priors: mean and standard deviation. */
const PRIOR = {
  /** Log odds of success at the best place. */
  intercept: [0, 2],
  /** Log of a group's scale, in its units: how far its dimensions are displaced is known to a factor of three. */
  scale: [0, 1],
  /** Log of a dimension's curvature by scale: by how much the log odds fall. Most dimensions hardly matter. */
  curvature: [-1.5, 1.2],
  /** The best place by scale. */
  centre: [0, 1.5],
} as const;

/** Hamiltonian Monte Carlo (Neal 2011): samples that are dropped and kept, steps of each, acceptance aimed at. */
const CHAIN = { dropped: 300, kept: 400, leaps: 16, acceptance: 0.8, firstStep: 0.05, rate: 0.1 };

/**
 * Attempts explore by a share of a dimension's width, 1/√curvature, that is so many times the success of the newest ones:
 * where these succeed, nearer ones hardly differ, and a centre on the way to the best looks like the best; where they
 * fail, farther ones tell nothing.
 */
const TELLING = { newest: 32, bySuccess: 2, least: 0.5, most: 1.5 };

/**
 * t: how far success reaches. Some scenes forgive a displacement at which most fail: with tails of a Gaussian the
 * model puts down what succeeds far away to a wide and low peak (log likelihood −0.71 in place of −0.54 per attempt
 * not fitted to, transfer cube, 576 attempts).
 */
const TAIL = 2;

/** Parameters of the model, in units of their priors' deviations from their means. */
interface Model {
  size: number;
  /** Log density at `unit`; its gradient goes to `gradient`. */
  density: (unit: Float64Array, gradient: Float64Array) => number;
  /** By dimension, at `unit`. */
  curvatures: (unit: Float64Array) => number[];
  centres: (unit: Float64Array) => number[];
}

/**
 * The model logit p(x) = b − t·log(1 + q/2t), q = Σⱼ kⱼ (xⱼ/s − wⱼ)², with a scale s of each group, and a curvature k
 * and a centre w of each dimension; near the centre it is b − q/2. `groups` names each dimension's group, counted
 * from 0.
 */
function modelOf(trials: readonly Trial[], groups: readonly number[]): Model {
  const dims = groups.length;
  const scaleAt = 1;
  const curvatureAt = scaleAt + Math.max(...groups) + 1;
  const centreAt = curvatureAt + dims;
  const size = centreAt + dims;
  const priorOf = (i: number) => {
    if (i < scaleAt) return PRIOR.intercept;
    if (i < curvatureAt) return PRIOR.scale;
    return i < centreAt ? PRIOR.curvature : PRIOR.centre;
  };
  const [means, deviations] = [0, 1].map((part) =>
    Float64Array.from({ length: size }, (_, i) => priorOf(i)[part]),
  );
  const valueOf = (unit: Float64Array, i: number) => means[i] + deviations[i] * unit[i];
  const scaleOf = (unit: Float64Array, j: number) => Math.exp(valueOf(unit, scaleAt + groups[j]));
  const placed = (of: (unit: Float64Array, j: number) => number) => (unit: Float64Array) =>
    groups.map((_, j) => of(unit, j));
  const shares = placed((unit, j) => 1 / scaleOf(unit, j));
  const sharpness = placed((unit, j) => Math.exp(valueOf(unit, curvatureAt + j)));
  const distances = new Float64Array(dims);

  return {
    size,
    density(unit, gradient) {
      const [share, sharp] = [shares(unit), sharpness(unit)];
      const centre = groups.map((_, j) => valueOf(unit, centreAt + j));
      const slopes = new Float64Array(size);
      let log = 0;
      for (const { place, success } of trials) {
        let far = 0;
        for (let j = 0; j < dims; j++) {
          const distance = place[j] * share[j] - centre[j];
          distances[j] = distance;
          far += sharp[j] * distance * distance;
        }
        const logit = valueOf(unit, 0) - TAIL * Math.log1p(far / (2 * TAIL));
        const steepness = 1 / (1 + far / (2 * TAIL));
        const small = Math.exp(-Math.abs(logit));
        const p = logit > 0 ? 1 / (1 + small) : small / (1 + small);
        log += Math.min(0, success ? logit : -logit) - Math.log1p(small);
        const error = Number(success) - p;
        slopes[0] += error;
        for (let j = 0; j < dims; j++) {
          const pull = error * steepness * sharp[j] * distances[j];
          slopes[scaleAt + groups[j]] += pull * place[j] * share[j];
          slopes[curvatureAt + j] -= (pull * distances[j]) / 2;
          slopes[centreAt + j] += pull;
        }
      }
      for (let i = 0; i < size; i++) {
        log -= (unit[i] * unit[i]) / 2;
        gradient[i] = slopes[i] * deviations[i] - unit[i];
      }
      return log;
    },
    curvatures: placed(
      (unit, j) => Math.exp(valueOf(unit, curvatureAt + j)) / scaleOf(unit, j) ** 2,
    ),
    centres: placed((unit, j) => valueOf(unit, centreAt + j) * scaleOf(unit, j)),
  };
}

/** Samples of a model's parameters by Hamiltonian Monte Carlo; the step adapts while samples are dropped. */
function samplesOf({ size, density }: Model, seed: number): Float64Array[] {
  const { dropped, kept, leaps, acceptance, firstStep, rate } = CHAIN;
  const uniform = uniformNumbers([seed]);
  const samples: Float64Array[] = [];
  let at = new Float64Array(size);
  let slopes = new Float64Array(size);
  let log = density(at, slopes);
  let step = firstStep;
  const energy = (momentum: Float64Array) =>
    momentum.reduce((sum, value) => sum + value * value, 0) / 2;
  for (let round = 0; round < dropped + kept; round++) {
    const momentum = Float64Array.from(gaussianNoise([seed, round], size));
    const next = at.slice();
    const nextSlopes = slopes.slice();
    const before = log - energy(momentum);
    let nextLog = log;
    const leap = step * (0.7 + 0.6 * uniform());
    for (let i = 0; i < leaps; i++) {
      for (let j = 0; j < size; j++) {
        momentum[j] += (leap / 2) * nextSlopes[j];
        next[j] += leap * momentum[j];
      }
      nextLog = density(next, nextSlopes);
      for (let j = 0; j < size; j++) momentum[j] += (leap / 2) * nextSlopes[j];
    }
    const chance = Math.min(1, Math.exp(nextLog - energy(momentum) - before)) || 0;
    if (uniform() < chance) [at, slopes, log] = [next, nextSlopes, nextLog];
    if (round < dropped) step *= Math.exp((chance - acceptance) * rate);
    else samples.push(at);
  }
  return samples;
}

/** The share of a width by which attempts explore next. */
function telling(trials: readonly Trial[]): number {
  const { newest, bySuccess, least, most } = TELLING;
  const recent = trials.slice(-newest);
  const successes = recent.filter(({ success }) => success).length;
  return Math.max(least, Math.min(most, (bySuccess * successes) / recent.length));
}

/**
 * The place where success is most probable, averaged over the posterior: the centre of each dimension weighted by
 * its curvature. Trials come in their order; `groups` names each dimension's group, whose dimensions share one unknown scale.
 */
export function posterior(
  trials: readonly Trial[],
  groups: readonly number[],
  seed: number,
): Posterior {
  const model = modelOf(trials, groups);
  const samples = samplesOf(model, seed);
  const curvatures = samples.map(model.curvatures);
  const centres = samples.map(model.centres);
  const mean = (valueOf: (sample: number) => number) =>
    samples.reduce((sum, _, i) => sum + valueOf(i), 0) / samples.length;
  const best = groups.map(
    (_, j) => mean((i) => curvatures[i][j] * centres[i][j]) / mean((i) => curvatures[i][j]),
  );
  const far = telling(trials);
  const spread = groups.map((_, j) => {
    const middle = mean((i) => centres[i][j]);
    const deviation = Math.sqrt(mean((i) => (centres[i][j] - middle) ** 2));
    return Math.min(deviation, far / Math.sqrt(mean((i) => curvatures[i][j])));
  });
  return { best, spread };
}
