import { z } from 'zod';
import { parseYaml, readYaml, validate } from '../validate.ts';
import { DEFAULT_ACCELERATION } from './embodiment.ts';
import type { Base, Box, Camera, Embodiment, Joint } from './embodiment.ts';
import { lackingJoints, spaceRules } from './spaceRules.ts';

/** Joint angles of a gripper's driver, rad. */
export interface GripperAngles {
  closed: number;
  open: number;
}

/** The constant sets that ALOHA's software has for the follower's gripper joint, rad. */
export const GRIPPER_SETS = {
  /** tonyzhaozh/act, openpi, gym-aloha. */
  original: { closed: -0.6213, open: 1.491 },
  /** Interbotix/aloha for ROS 2. */
  interbotix: { closed: 0.6197, open: 1.6214 },
  /** google-deepmind/aloha_sim. */
  deepmind: { closed: -0.06135, open: 1.5155 },
} as const satisfies Record<string, GripperAngles>;

/** An arm as its driver has it. */
export interface Arm {
  name: string;
  /** ROS namespace of its driver. */
  namespace: string;
  gripper: GripperAngles;
  base: Base;
}

/**
 * A joint and where it is measured: `position = sign · angle + offset` for an arm's, the gripper's
 * opening for a gripper.
 */
export interface CalibratedJoint extends Joint {
  arm: string;
  /** The driver's name of it. */
  joint: string;
  sign: 1 | -1;
  /** rad */
  offset: number;
  /** Where it lies down when work is over: rad, or opening. */
  rest: number;
}

/** A camera, where its images come from, and what is done to them before anybody sees them. */
export interface CalibratedCamera extends Camera {
  topic: string;
  transport: 'raw' | 'compressed';
  /** Part of the image that is kept, pixels of the image as it arrives. */
  crop?: { x: number; y: number; width: number; height: number };
  /** Degrees clockwise, after cropping. */
  rotate: 0 | 90 | 180 | 270;
  mount: 'fixed' | 'wrist';
  /** Least and greatest mean brightness of a usable image, 0 to 255. */
  exposure: [number, number];
}

/** One robot as it stands: what it is, how its parts are reached, and where it may move. */
export interface Calibration extends Embodiment {
  arms: Arm[];
  joints: CalibratedJoint[];
  cameras: CalibratedCamera[];
  /** The box that grippers stay in; `enforced` by the guard, or only written down. */
  workspace: Box & { enforced: boolean };
  /** m that the guard keeps between the middle lines of two arms; absent for none. */
  leastDistance?: number;
  /** What nalu calibrate measured, and when. */
  measured?: { date: string; [figure: string]: unknown };
}

const FULL_TURN = 2 * Math.PI;
/** rad/s or openings a second: above it a figure is in degrees, encoder ticks or a slip of the pen. */
const FASTEST = 20;
/** rad/s² or openings a second²: above it a joint would reach any speed at once. */
const SHARPEST = 1000;

const name = z
  .string()
  .regex(/^[a-z][a-z0-9_]*$/, 'use lower-case letters, digits and underscores');

const triple = z.tuple([z.number(), z.number(), z.number()]);

const angles = z
  .strictObject({ closed: z.number(), open: z.number() })
  .refine(({ closed, open }) => closed !== open, 'closed and open are the same angle');

const arm = z.strictObject({
  name,
  namespace: z.string().regex(/^[a-z][a-z0-9_]*$/, 'a ROS namespace without slashes'),
  gripper: z.union([
    z
      .enum(Object.keys(GRIPPER_SETS) as [keyof typeof GRIPPER_SETS])
      .transform((set): GripperAngles => GRIPPER_SETS[set]),
    angles,
  ]),
  base: z.tuple([z.number(), z.number(), z.number(), z.number()]),
});

const joint = z
  .strictObject({
    name,
    arm: z.string(),
    joint: z.string().min(1),
    sign: z.union([z.literal(1), z.literal(-1)]).default(1),
    offset: z.number().default(0),
    kind: z.enum(['arm', 'gripper']),
    lower: z.number(),
    upper: z.number(),
    velocity: z
      .number()
      .positive()
      .max(FASTEST, `more than ${FASTEST} a second; give rad/s (grippers: openings a second)`),
    acceleration: z
      .number()
      .positive()
      .max(SHARPEST, `more than ${SHARPEST} a second²; give rad/s² (grippers: openings a second²)`)
      .default(DEFAULT_ACCELERATION),
    home: z.number(),
    rest: z.number(),
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
    else
      for (const field of ['home', 'rest'] as const) {
        const value = joint[field];
        if (value < joint.lower || value > joint.upper)
          say(field, `${value} lies outside ${joint.lower} to ${joint.upper}; move it inside`);
      }
  });

const camera = z.strictObject({
  name,
  width: z.int().positive(),
  height: z.int().positive(),
  topic: z.string().startsWith('/', 'a topic from the root, as /cam_high/image_raw'),
  transport: z.enum(['raw', 'compressed']).default('raw'),
  crop: z
    .strictObject({
      x: z.int().min(0),
      y: z.int().min(0),
      width: z.int().positive(),
      height: z.int().positive(),
    })
    .optional(),
  rotate: z.union([z.literal(0), z.literal(90), z.literal(180), z.literal(270)]).default(0),
  mount: z.enum(['fixed', 'wrist']),
  noiseless: z.boolean().optional(),
  exposure: z.tuple([z.number().min(0), z.number().max(255)]).default([20, 235]),
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

const calibration = z
  .strictObject({
    name: z.string().min(1),
    controlRate: z.number().positive().max(1000, 'give the control rate in Hz'),
    arms: z.array(arm).min(1).superRefine(unique),
    joints: z.array(joint).min(1).superRefine(unique),
    cameras: z.array(camera).superRefine(unique),
    workspace: z.strictObject({
      lower: triple,
      upper: triple,
      enforced: z.boolean().default(false),
    }),
    leastDistance: z.number().positive().max(1, 'give metres').optional(),
    measured: z.looseObject({ date: z.string() }).optional(),
  })
  .superRefine((given, context) => {
    const { arms, joints } = given;
    lackingJoints(given).forEach((lacking, i) => {
      if (lacking.length === 0) return;
      const message = `${arms[i].name} has no ${lacking.join(', ')}; an enforced workspace and leastDistance need the six joints of a ViperX 300`;
      context.addIssue({ code: 'custom', path: ['arms', i], message });
    });
    joints.forEach((joint, i) => {
      const say = (field: string, message: string) =>
        context.addIssue({ code: 'custom', path: ['joints', i, field], message });
      if (!arms.some((known) => known.name === joint.arm))
        say('arm', `no arm ${joint.arm}; there are ${arms.map((known) => known.name).join(', ')}`);
      const twice = joints.findIndex(
        (other) => other.arm === joint.arm && other.joint === joint.joint,
      );
      if (twice < i) say('joint', `${joint.joint} of ${joint.arm} is already joints[${twice}]`);
    });
  });

/** Checks what a calibration file says; `source` names the file in errors. */
export function parseCalibration(yaml: string, source: string): Calibration {
  return validate<Calibration>(calibration, parseYaml(yaml, source), source);
}

/** Reads a robot's calibration from its YAML file. Throws a UserError that names file and field. */
export async function loadCalibration(path: string): Promise<Calibration> {
  return validate<Calibration>(calibration, await readYaml(path), path);
}

/** Width and height of a camera's images once they are cropped and turned. */
export function sizeSeen({ width, height, crop, rotate }: CalibratedCamera) {
  const size = crop ?? { width, height };
  return rotate % 180 === 0
    ? { width: size.width, height: size.height }
    : { width: size.height, height: size.width };
}

/** What is left of a calibration above the driver. */
export function embodimentOf(calibration: Calibration): Embodiment {
  const { name, controlRate, joints, cameras } = calibration;
  const space = spaceRules(calibration);
  return {
    name,
    controlRate,
    joints: joints.map(({ name, kind, lower, upper, velocity, acceleration, home }) => ({
      name,
      kind,
      lower,
      upper,
      velocity,
      acceleration,
      home,
    })),
    cameras: cameras.map((camera) => ({
      name: camera.name,
      ...sizeSeen(camera),
      ...(camera.noiseless && { noiseless: true }),
    })),
    ...(space && { space }),
  };
}
