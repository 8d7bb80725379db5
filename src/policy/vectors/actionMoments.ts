import { z } from 'zod';
import { type Transform, type TransformKind, onCounted } from './transform.ts';

const numbers = z.array(z.number()).nonempty();

const schema = z.strictObject({
  type: z.literal('actionMoments'),
  /** Numbers of a state, which stay as they are. */
  state: z.int().min(1),
  /** Numbers that the mask leaves out stay as they are. */
  actions: z
    .strictObject({ mean: numbers, std: z.array(z.number().min(0)), mask: z.array(z.boolean()) })
    .refine(
      ({ mean, std, mask }) => mean.length === std.length && mean.length === mask.length,
      'mean, std and mask differ in length',
    ),
});

export type ActionMomentsConfig = z.infer<typeof schema>;

/** Keeps a deviation of zero from a division by zero. */
const TINY = 1e-8;

/** Actions to mean 0 and standard deviation 1, as Octo has it: (a − mean) / (std + ε), and back without ε. */
export function actionMoments({ actions: { mean, std, mask } }: ActionMomentsConfig): Transform {
  const each = (change: Parameters<typeof onCounted>[3]) => onCounted(mask, mean, std, change);
  return {
    encodeState: () => undefined,
    encodeAction: each((value, middle, deviation) => (value - middle) / (deviation + TINY)),
    decodeAction: each((value, middle, deviation) => value * deviation + middle),
  };
}

/** The moments of actions to 0 and 1; the state is not read. */
export const actionMomentsStep: TransformKind<ActionMomentsConfig> = {
  type: 'actionMoments',
  schema,
  sizes: ({ state, actions }) => ({ state, actions: actions.mean.length }),
  create: actionMoments,
};
