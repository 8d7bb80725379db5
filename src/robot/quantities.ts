import { z } from 'zod';

export const FULL_TURN = 2 * Math.PI;
/** m from the robot's origin: beyond it a figure is in centimetres or millimetres. */
const FARTHEST = 10;

export const nameSchema = z
  .string()
  .regex(/^[a-z][a-z0-9_]*$/, 'use lower-case letters, digits and underscores');

/** A number up to `most`, whatever its sign; `message` follows one that is larger. */
export const within = (most: number, message: string) =>
  z.number().refine((value) => Math.abs(value) <= most, {
    error: ({ input }) => `${String(input)} ${message}`,
  });

export const turn = within(
  FULL_TURN,
  'lies beyond one turn (2π), and no joint turns farther; give radians, not degrees, percent or ticks',
);

export const metres = within(FARTHEST, `is more than ${FARTHEST} m away; give metres`);

export const vector = z.tuple([metres, metres, metres]);

/** A list whose entries have names of their own. */
export const named = <T extends { name: string }>(item: z.ZodType<T>) =>
  z.array(item).superRefine((items, context) => {
    items.forEach((entry, index) => {
      const first = items.findIndex((other) => other.name === entry.name);
      if (first < index)
        context.addIssue({
          code: 'custom',
          path: [index, 'name'],
          message: `${entry.name} is already the name of entry ${first}; names must differ`,
        });
    });
  });
