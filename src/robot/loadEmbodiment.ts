import { z } from 'zod';
import { parseYaml, readYaml, validate } from '../validate.ts';
import type { Embodiment } from './embodiment.ts';

const FULL_TURN = 2 * Math.PI;
/** rad/s or openings a second: above it a figure is in degrees, encoder ticks or a slip of the pen. */
const FASTEST = 20;

const name = z
  .string()
  .regex(/^[a-z][a-z0-9_]*$/, 'use lower-case letters, digits and underscores');

const joint = z
  .strictObject({
    name,
    kind: z.enum(['arm', 'gripper']),
    lower: z.number(),
    upper: z.number(),
    velocity: z
      .number()
      .positive()
      .max(FASTEST, `more than ${FASTEST} a second; give rad/s (grippers: openings a second)`),
    home: z.number(),
  })
  .superRefine((joint, context) => {
    const say = (field: string, message: string) =>
      context.addIssue({ code: 'custom', path: [field], message });
    for (const field of ['lower', 'upper'] as const) {
      const value = joint[field];
      if (joint.kind === 'arm' && Math.abs(value) > FULL_TURN)
        say(field, `${value} lies beyond one turn (2π); give radians, not degrees`);
      if (joint.kind === 'gripper' && (value < 0 || value > 1))
        say(field, `${value} lies outside 0 (closed) to 1 (open); give the gripper's opening`);
    }
    if (joint.lower >= joint.upper)
      say('lower', `${joint.lower} is not below upper, ${joint.upper}; swap or correct them`);
    else if (joint.home < joint.lower || joint.home > joint.upper)
      say('home', `${joint.home} lies outside ${joint.lower} to ${joint.upper}; move it inside`);
  });

const camera = z.strictObject({
  name,
  width: z.int().positive(),
  height: z.int().positive(),
});

const unique = <T extends { name: string }>(items: T[], context: z.RefinementCtx) => {
  items.forEach((item, index) => {
    const first = items.findIndex((other) => other.name === item.name);
    if (first < index)
      context.addIssue({
        code: 'custom',
        path: [index, 'name'],
        message: `${item.name} is already the name of entry ${first}; names must differ`,
      });
  });
};

const embodiment = z.strictObject({
  name: z.string().min(1),
  controlRate: z.number().positive().max(1000, 'give the control rate in Hz'),
  joints: z.array(joint).min(1).superRefine(unique),
  cameras: z.array(camera).superRefine(unique),
});

/** Checks what an embodiment file says; `source` names the file in errors. */
export function parseEmbodiment(yaml: string, source: string): Embodiment {
  return validate(embodiment, parseYaml(yaml, source), source);
}

/** Reads an embodiment from its YAML file. Throws a UserError that names file and field. */
export async function loadEmbodiment(path: string): Promise<Embodiment> {
  return validate(embodiment, await readYaml(path), path);
}
