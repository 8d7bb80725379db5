import { z } from 'zod';
import type { Adaptable } from '../learnable.ts';
import { type Carried, type Numbers, carriedFaults, carriedOf } from './carried.ts';
import { type ChunkCriticShape, chunkCriticParameters } from './chunkCriticGraph.ts';
import { PARTS } from './executedSummary.ts';
import { featureCount } from './moment.ts';

/** Candidates of a chunk at most: each is a sample of the policy. */
const MOST_CANDIDATES = 64;

/** How a chunk is made of candidates. */
export const choosingSchema = z.strictObject({
  /** Samples of the policy for each chunk that is played. */
  candidates: z.int().min(2).max(MOST_CANDIDATES).default(8),
  /**
   * 0 plays the candidate with the largest estimate. Otherwise the mean of all is played, each weighed by exp(estimate /
   * temperature); estimates are expected rewards.
   */
  temperature: z.number().nonnegative().default(0),
  /**
   * A network edits each candidate, by at most so much in each dimension of all its rows, in units of normalised actions;
   * what it makes of them are candidates too. There are no edits where it is absent.
   */
  edits: z.number().positive().max(1).optional(),
});

export type Choosing = z.infer<typeof choosingSchema>;

/** Sizes of critics as a file has them. */
const networksSchema = z.strictObject({
  count: z.int().min(1),
  hidden: z.array(z.int().min(1)).nonempty(),
});

/** A choice without its numbers. */
export const choiceHeadSchema = z.strictObject({
  ...choosingSchema.shape,
  ...networksSchema.shape,
});

type ChoiceHead = z.infer<typeof choiceHeadSchema>;

/** Critics that choose a policy's chunks from candidates, which go with the policy; inputs are features, then rows. */
export type Choice = ChoiceHead & Carried;

/** The networks that judge chunks of a policy. */
export const criticShapeOf = (
  policy: Adaptable,
  { count, hidden, edits }: Pick<ChunkCriticShape, 'count' | 'hidden' | 'edits'>,
): ChunkCriticShape => ({
  ...{ count, hidden },
  ...(edits !== undefined && { edits }),
  features: featureCount(policy),
  rows: PARTS * policy.actionDim,
});

/** A choice without its numbers. */
export const headOf = ({
  candidates,
  temperature,
  count,
  hidden,
  edits,
}: ChoiceHead): ChoiceHead => ({
  ...{ candidates, temperature, count, hidden },
  ...(edits !== undefined && { edits }),
});

/** A choice of the numbers of numbersOf. */
export const choiceOf = (head: ChoiceHead, numbers: ReadonlyMap<string, Numbers>): Choice => ({
  ...headOf(head),
  ...carriedOf(numbers),
});

/** What does not fit in a choice for a policy, one line each. */
export function choiceFaults(choice: Choice, policy: Adaptable): string[] {
  const shape = criticShapeOf(policy, choice);
  const inputs = shape.features + shape.rows;
  return carriedFaults(choice, chunkCriticParameters(shape), inputs, 'its critics');
}
