import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';
import { messageOf } from '../errors.ts';
import { reasonOf } from '../systemErrors.ts';
import type { NamedChain } from './chain.ts';
import { turn, vector } from './quantities.ts';
import { chosen } from '../validate.ts';
import { chainOfUrdf } from './urdf.ts';

const isZero = (values: readonly number[]) => values.every((value) => value === 0);

const axis = z
  .tuple([z.number(), z.number(), z.number()])
  .refine(
    (values) => !isZero(values),
    'an axis of length zero; give the direction that the joint turns about or slides along, as [0, 0, 1]',
  );

const joint = z.strictObject({
  joint: z.string().min(1),
  offset: vector,
  rotation: z.tuple([turn, turn, turn]).optional(),
  axis,
});

const written = z
  .strictObject({
    joints: z
      .array(joint)
      .min(1)
      .superRefine((joints, context) => {
        joints.forEach(({ joint: name }, index) => {
          const first = joints.findIndex((other) => other.joint === name);
          if (first < index)
            context.addIssue({
              code: 'custom',
              path: [index, 'joint'],
              message: `${name} is already joint ${first} of the chain; a chain has each joint once`,
            });
        });
      }),
    hand: vector.optional(),
    tip: vector,
  })
  .refine(({ hand = [0, 0, 0], tip }) => tip.some((value, i) => value !== hand[i]), {
    path: ['tip'],
    message:
      'the fingers have no length; give the place of their tips in the frame of the last joint, m',
  });

const inUrdf = z.strictObject({
  urdf: z.string().min(1),
  base: z.string().min(1),
  tip: z.string().min(1),
  hand: z.string().min(1).optional(),
});

/** Reads a chain from a URDF; `path` names it in errors. */
function readChain(path: string, links: Omit<z.infer<typeof inUrdf>, 'urdf'>): NamedChain {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new Error(`cannot be read: ${reasonOf(error)}`, { cause: error });
  }
  return chainOfUrdf(text, links);
}

/** An arm's chain: written out, or read from a URDF, whose path leads from `folder`. */
export function chainSchema(folder: string) {
  const read = inUrdf.transform(({ urdf, ...links }, context): NamedChain => {
    try {
      return readChain(resolve(folder, urdf), links);
    } catch (error) {
      const message = `${urdf}: ${messageOf(error)}`;
      context.addIssue({ code: 'custom', path: ['urdf'], message });
      return z.NEVER;
    }
  });
  return chosen<NamedChain>((given) => ('urdf' in given ? read : written));
}
