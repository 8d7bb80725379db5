import { z } from 'zod';
import { type Carried, type Numbers, carriedFaults, carriedOf } from '../choice/carried.ts';
import { featureCount } from '../choice/moment.ts';
import type { NoiseSource, Turn } from '../chunkPolicy.ts';
import type { Adaptable } from '../learnable.ts';
import { gaussianNoise } from '../../tensors/noise.ts';
import { type SteeringShape, steeringParameters } from './steeringGraph.ts';

/** How far noise is steered. */
export const steeredSchema = z.strictObject({
  /** The steered noise goes no farther from zero in any dimension; chunks learn from noise of deviation 1. */
  bound: z.number().positive().max(5).default(1.5),
  /** Standard deviation of what attempts that explore add to the network's output, before it is bounded. */
  spread: z.number().nonnegative().max(5).default(0.5),
});

/** A steering without its numbers. */
export const steeringHeadSchema = z.strictObject({
  ...steeredSchema.shape,
  hidden: z.array(z.int().min(1)).nonempty(),
});

type SteeringHead = z.infer<typeof steeringHeadSchema>;

/**
 * A network that says, of what critics see of a moment, from which noise a policy's chunk begins: the same in all its
 * rows (DSRL, arXiv 2506.15799). It goes with the policy, whose own network stays.
 */
export type Steering = SteeringHead & Carried;

/** The network that steers a policy. */
export const steeringShapeOf = (
  policy: Adaptable,
  { bound, hidden }: Pick<SteeringHead, 'bound' | 'hidden'>,
): SteeringShape => ({
  ...{ bound, hidden },
  features: featureCount(policy),
  actionDim: policy.actionDim,
});

/** A steering without its numbers. */
export const steeringHeadOf = ({ bound, spread, hidden }: SteeringHead): SteeringHead => ({
  ...{ bound, spread, hidden },
});

/** A steering of the numbers of numbersOf. */
export const steeringOf = (
  head: SteeringHead,
  numbers: ReadonlyMap<string, Numbers>,
): Steering => ({ ...steeringHeadOf(head), ...carriedOf(numbers) });

/** What does not fit in a steering for a policy, one line each. */
export function steeringFaults(steering: Steering, policy: Adaptable): string[] {
  const shape = steeringShapeOf(policy, steering);
  const of = 'the network that steers its noise';
  return carriedFaults(steering, steeringParameters(shape), shape.features, of);
}

/**
 * Whether a chunk's noise is steered where a policy has what steers it: it is not where it is unknown when the chunk
 * takes over, nor where its noise is given.
 */
export const isSteerable = (noise: NoiseSource, turn: Turn | undefined): turn is Turn =>
  turn !== undefined && (noise === 'zero' || !noise.given);

/** Seed component that separates what steered noise explores from other draws. */
const STEERED = 37;

/**
 * What is added to the network's output for a chunk, of so many numbers: nothing unless its attempt explores, and as
 * much of it constant over the attempt as exploration says.
 */
export function exploredRow(source: NoiseSource, spread: number, count: number): Float32Array {
  if (source === 'zero' || !source.exploration) return new Float32Array(count);
  const { seed, attempt = seed } = source;
  const { initialNoise, persistence } = source.exploration;
  const common = gaussianNoise([attempt, STEERED, 1], count);
  const own = gaussianNoise([seed, STEERED, 2], count);
  const [constant, passing] = [persistence, 1 - persistence].map((part) => spread * initialNoise * Math.sqrt(part)); // prettier-ignore
  return own.map((value, i) => constant * common[i] + passing * value);
}
