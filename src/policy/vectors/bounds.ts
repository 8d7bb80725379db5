import { z } from 'zod';
import { type Transform, type TransformKind, onCounted } from './transform.ts';

const numbers = z.array(z.number()).nonempty();

const schema = z.strictObject({
  type: z.literal('bounds'),
  /** Numbers of a state, which stay as they are. */
  state: z.int().min(1),
  /** What −1 and 1 of each number of an action stand for. Those that the mask leaves out stay as they are. */
  actions: z
    .strictObject({ low: numbers, high: numbers, mask: z.array(z.boolean()) })
    .refine(
      ({ low, high, mask }) => low.length === high.length && low.length === mask.length,
      'low, high and mask differ in length',
    )
    .refine(({ low, high }) => low.every((one, i) => one <= high[i]), 'a low lies above its high'),
});

export type BoundsConfig = z.infer<typeof schema>;

/** Keeps a range of zero from a division by zero. */
const TINY = 1e-8;

/** −1…1 as the bounds of the training data, as OpenVLA (prismatic) has it: low + (a + 1)/2 · (high − low). */
export function bounds({ actions: { low, high, mask } }: BoundsConfig): Transform {
  const each = (change: Parameters<typeof onCounted>[3]) => onCounted(mask, low, high, change);
  return {
    encodeState: () => undefined,
    encodeAction: each((value, from, to) =>
      Math.min(1, Math.max(-1, (2 * (value - from)) / (to - from + TINY) - 1)),
    ),
    decodeAction: each((value, from, to) => 0.5 * (value + 1) * (to - from) + from),
  };
}

/** The bounds of actions to −1…1; the state is not read. */
export const boundsStep: TransformKind<BoundsConfig> = {
  type: 'bounds',
  schema,
  sizes: ({ state, actions }) => ({ state, actions: actions.low.length }),
  create: bounds,
};
