import { z } from 'zod';
import { sameShape, formatShape } from '../../onnx/dim.ts';
import { findNonFinite } from '../../tensors/finite.ts';
import type { Scale } from '../../tensors/scale.ts';
import type { Adaptable } from '../learnable.ts';
import type { Parameter } from '../trainable.ts';
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

/** Numbers with their shape. */
interface Numbers {
  shape: readonly number[];
  data: Float32Array;
}

/** Critics that choose a policy's chunks from candidates, which go with the policy. */
export interface Choice extends ChoiceHead {
  /** The critics' parameters by name; see chunkCriticParameters. */
  parameters: ReadonlyMap<string, Numbers>;
  /** What their inputs are standardised by: features, then rows. */
  scale: Scale;
}

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

const SCALE = ['mean', 'deviation'] as const;

/** All numbers of a choice, by name. */
export const numbersOf = ({ parameters, scale }: Choice): Map<string, Numbers> =>
  new Map([
    ...parameters,
    ...SCALE.map((name) => [name, { shape: [scale[name].length], data: scale[name] }] as const),
  ]);

/** A choice of the numbers of numbersOf; empty ones where any lack. */
export function choiceOf(head: ChoiceHead, numbers: ReadonlyMap<string, Numbers>): Choice {
  const [mean, deviation] = SCALE.map((name) => numbers.get(name)?.data ?? new Float32Array());
  const isScale = (name: string) => (SCALE as readonly string[]).includes(name);
  const parameters = new Map([...numbers].filter(([name]) => !isScale(name)));
  return { ...headOf(head), parameters, scale: { mean, deviation } };
}

/** What does not fit in a choice for a policy, one line each. */
export function choiceFaults(choice: Choice, policy: Adaptable): string[] {
  const shape = criticShapeOf(policy, choice);
  const inputs = shape.features + shape.rows;
  const expected: Parameter[] = [
    ...chunkCriticParameters(shape),
    ...SCALE.map((name) => ({ name, shape: [inputs] })),
  ];
  const numbers = numbersOf(choice);
  return expected.flatMap(({ name, shape }) => {
    const found = numbers.get(name);
    if (!found) return [`of its critics, ${name} ${formatShape(shape)} is missing`];
    if (!sameShape(found.shape, shape))
      return [`of its critics, ${name} is ${formatShape(found.shape)}, this policy needs ${formatShape(shape)}`]; // prettier-ignore
    return findNonFinite({ dtype: 'F32', data: found.data }) < 0
      ? []
      : [`of its critics, ${name} has values that are not finite`];
  });
}
