import { z } from 'zod';
import { gaussianNoise, uniformNumbers } from '../tensors/noise.ts';
import { type Integration, stepEnds } from './integration.ts';

/** The usual `range` of a search for an offset and a view: from a twentieth of a pixel to some pixels. */
export const SEARCH_RANGE = 10;

const size = z.number().min(0).max(1);
const view = z.number().min(0).max(0.1);

/**
 * Multi-step latent exploration (arXiv 2510.09976): adds noise to the flow's x after several of its
 * steps. The noise is correlated along the chunk, so that it changes the direction of a motion without
 * shaking it.
 */
export const explorationSchema = z.strictObject({
  /** Standard deviation, in units of normalised actions. */
  size: size.default(0.02),
  /** Values of size and view that are reached linearly over so many attempts; absent ones stay constant. */
  later: z
    .strictObject({ size: size.optional(), view: view.optional(), attempts: z.int().min(1) })
    .optional(),
  /** Correlation of neighbouring rows of the chunk. */
  correlation: z.number().min(0).lt(1).default(0.99),
  /**
   * Share of the variance that is constant over an attempt. The policy corrects one chunk's offset in the
   * next, so independent noise cancels: when each chunk explored independently, no joint's offset predicted
   * the outcome of 256 attempts; offsets constant over an attempt did.
   */
  persistence: z.number().min(0).max(1).default(0.9),
  /** Number of the flow's steps after which noise is added, evenly spaced up to the last; 1 explores once. */
  steps: z.int().min(1).max(100).default(4),
  /**
   * Standard deviation of an attempt's view offset in each camera's image (see View), for cameras mounted
   * differently than in the demonstrations. The error they cause varies with position, so an offset of the
   * joints corrects little of it.
   */
  view: view.default(0),
  /**
   * Standard deviation of an attempt's offset of all its actions (see Offset), in units of normalised actions:
   * for the method `offset`, which learns from nothing else.
   */
  offset: size.default(0),
  /**
   * How many times smaller than `view` and `offset` an attempt's deviations may be: log-uniform, until a learner says
   * how well the best place is known (see Spread). How far a camera was moved is not known beforehand.
   */
  range: z.number().min(1).max(100).default(1),
  /** Whether attempts take the tickets of the policy's adapter in turn (see Tickets): for the method `ticket`. */
  tickets: z.boolean().optional(),
  /** Whether chunks come with the steps of their flow (see Chain), for the method `flow-ppo`, which learns from them. */
  chain: z.boolean().optional(),
  /** Scale of the flow's initial noise: 1 as in training, 0 as in deployment. */
  initialNoise: z.number().min(0).max(1).default(0),
  /**
   * What the logits of tokens are divided by, in a policy that writes its chunks as tokens, which explores by nothing
   * else: 1 draws them as it was trained, 0 takes the likeliest.
   */
  temperature: z.number().min(0).max(10).default(1),
});

export type Exploration = z.infer<typeof explorationSchema>;

/** The exploration settings after so many attempts. */
export function explorationAfter(exploration: Exploration, made: number): Exploration {
  const { size, view, later } = exploration;
  if (!later) return exploration;
  const done = Math.min(1, made / later.attempts);
  const between = (now: number, then = now) => now + (then - now) * done;
  return { ...exploration, size: between(size, later.size), view: between(view, later.view) };
}

/** Seed components that separate the draws of attempts from those of chunks. */
const ATTEMPT = 31;
const RANGE = 34;

/**
 * How well a learner knows where a policy's offset and view should be: standard deviations, [actionDim] and
 * [cameras, 2]. Exploration goes no farther.
 */
export interface Spread {
  offset: Float32Array;
  view: Float32Array;
}

/** Standard deviations of an attempt's `count` steps from an offset or a view, none above `size`. */
export function deviationsOf(
  size: number,
  { range }: Exploration,
  attempt: number,
  count: number,
  spread?: Float32Array,
): number[] {
  if (spread) return Array.from(spread, (deviation) => Math.min(size, deviation));
  const share = range === 1 ? 1 : range ** -uniformNumbers([attempt, RANGE])();
  return new Array<number>(count).fill(size * share);
}

/** Indices (from 0) of the flow's steps after which noise is added. */
export function exploredSteps(steps: number, explored: number): number[] {
  const count = Math.min(steps, explored);
  return Array.from(
    { length: count },
    (_, i) => steps - 1 - Math.floor((i * steps) / count),
  ).reverse();
}

/** Seeds of exploration: of a chunk's noise and of its attempt's. */
export interface ExplorationSeeds {
  seed: number;
  attempt: number;
}

/** The flow that is explored. */
export interface ExploredFlow {
  integration: Integration;
  horizon: number;
  actionDim: number;
}

/**
 * Noise [calls, horizon, actionDim] for `integrate`: the sum of a constant per attempt and first-order
 * autoregressive noise along the horizon, with the same deviation in every row; zero after steps without
 * exploration and after the intermediate stages of a step. The same seeds give the same noise.
 */
export function explorationNoise(
  { size, correlation, persistence, steps: explored }: Exploration,
  { seed, attempt }: ExplorationSeeds,
  { integration, horizon, actionDim }: ExploredFlow,
): Float32Array {
  const rows = horizon * actionDim;
  const noise = new Float32Array(integration.steps * rows);
  const ends = stepEnds(integration);
  const fresh = Math.sqrt(1 - correlation ** 2);
  const [common, passing] = [persistence, 1 - persistence].map((part) => size * Math.sqrt(part));
  for (const step of exploredSteps(ends.length, explored)) {
    const drawn = gaussianNoise([seed, step + 1], rows);
    const constant = gaussianNoise([attempt, ATTEMPT, step + 1], actionDim);
    const own = noise.subarray(ends[step] * rows, (ends[step] + 1) * rows);
    for (let i = 0; i < rows; i++)
      own[i] =
        i < actionDim
          ? passing * drawn[i]
          : correlation * own[i - actionDim] + passing * fresh * drawn[i];
    for (let i = 0; i < rows; i++) own[i] += common * constant[i % actionDim];
  }
  return noise;
}
