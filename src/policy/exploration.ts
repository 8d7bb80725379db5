import { z } from 'zod';
import { gaussianNoise } from '../tensors/noise.ts';

const size = z.number().min(0).max(1);
const view = z.number().min(0).max(0.1);

/**
 * Multi-step latent exploration (arXiv 2510.09976): noise that is added to the flow's x after several of
 * its Euler steps. Correlated along the chunk, so that it changes where a motion goes and does not shake.
 */
export const explorationSchema = z.strictObject({
  /** Standard deviation, in those of the normalised actions. */
  size: size.default(0.02),
  /** What size and view go to, in a straight line over so many attempts; what is absent stays. */
  later: z
    .strictObject({ size: size.optional(), view: view.optional(), attempts: z.int().min(1) })
    .optional(),
  /** Of neighbouring rows of the chunk. */
  correlation: z.number().min(0).lt(1).default(0.99),
  /**
   * Share of the variance that is the same in all chunks of an attempt and along them. What one chunk is
   * off, the next one sees and undoes: where chunks each explored alone, no joint's offset in any chunk
   * told of the outcome of 256 attempts; offsets of whole attempts did.
   */
  persistence: z.number().min(0).max(1).default(0.9),
  /** Euler steps after which noise is added, evenly spread, the last among them; 1 explores in one step. */
  steps: z.int().min(1).max(100).default(4),
  /**
   * Deviation of where an attempt looks in each camera's picture (see View), for cameras that hang elsewhere
   * than those of the demonstrations: what is wrong then differs from place to place, and an offset of
   * joints undoes little of it.
   */
  view: view.default(0),
  /** Size of the noise that the flow begins from: 1 as in training, 0 as a policy is deployed. */
  initialNoise: z.number().min(0).max(1).default(0),
});

export type Exploration = z.infer<typeof explorationSchema>;

/** Exploration as it is when so many attempts have been made. */
export function explorationAfter(exploration: Exploration, made: number): Exploration {
  const { size, view, later } = exploration;
  if (!later) return exploration;
  const done = Math.min(1, made / later.attempts);
  const between = (now: number, then = now) => now + (then - now) * done;
  return { ...exploration, size: between(size, later.size), view: between(view, later.view) };
}

/** Tells the noise of attempts from that of chunks of the same seed. */
const ATTEMPT = 31;

/** Counts from 0 of the Euler steps after which noise is added. */
export function exploredSteps(steps: number, wanted: number): number[] {
  const count = Math.min(steps, wanted);
  return Array.from(
    { length: count },
    (_, i) => steps - 1 - Math.floor((i * steps) / count),
  ).reverse();
}

/** What exploration is drawn from: the seed of a chunk's noise, and of its attempt's. */
export interface ExplorationSeeds {
  seed: number;
  attempt: number;
}

/**
 * Noise [steps, horizon, actionDim] for `integrate`: a constant of the attempt, and first-order
 * autoregressive noise along the horizon, each row of the same size; zero after the steps that are not
 * explored. The same for the same seeds.
 */
export function explorationNoise(
  { size, correlation, persistence, steps: wanted }: Exploration,
  { seed, attempt }: ExplorationSeeds,
  { steps, horizon, actionDim }: { steps: number; horizon: number; actionDim: number },
): Float32Array {
  const rows = horizon * actionDim;
  const noise = new Float32Array(steps * rows);
  const fresh = Math.sqrt(1 - correlation ** 2);
  const [common, passing] = [persistence, 1 - persistence].map((part) => size * Math.sqrt(part));
  for (const step of exploredSteps(steps, wanted)) {
    const drawn = gaussianNoise([seed, step + 1], rows);
    const constant = gaussianNoise([attempt, ATTEMPT, step + 1], actionDim);
    const own = noise.subarray(step * rows, (step + 1) * rows);
    for (let i = 0; i < rows; i++)
      own[i] =
        i < actionDim
          ? passing * drawn[i]
          : correlation * own[i - actionDim] + passing * fresh * drawn[i];
    for (let i = 0; i < rows; i++) own[i] += common * constant[i % actionDim];
  }
  return noise;
}
