import { z } from 'zod';
import type { TransformKind } from './transform.ts';

const schema = z.strictObject({
  type: z.literal('units'),
  /** Of each joint, the policy's units per rad, m or opening; negative where it counts the other way. */
  scale: z.array(z.number().refine((scale) => scale !== 0, 'a scale of 0')).nonempty(),
});

const scaled = (scale: readonly number[], power: 1 | -1) => (vector: Float64Array) => {
  scale.forEach((factor, joint) => (vector[joint] *= factor ** power));
};

/** From the robot's units to others of the same zero: degrees, percent. */
export const unitsStep: TransformKind<z.infer<typeof schema>> = {
  type: 'units',
  schema,
  sizes: ({ scale }) => ({ state: scale.length, actions: scale.length }),
  create: ({ scale }) => ({
    encodeState: scaled(scale, 1),
    encodeAction: scaled(scale, 1),
    decodeAction: scaled(scale, -1),
  }),
};
