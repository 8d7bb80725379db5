import { z } from 'zod';
import { ALOHA_FINGER } from '../../robot/aloha.ts';
import { GRIPPER_SETS } from '../../robot/gripperSets.ts';
import type { Transform, TransformKind } from './transform.ts';

/** ALOHA's vectors: six joints and a gripper, left arm first. */
export const ALOHA_JOINTS = 14;
const GRIPPERS = [6, 13];
/** Shoulders and elbows turn the other way in the data that π0 was trained on. */
const FLIPPED = [1, 2, 8, 9];

/** Crank and rod between motor and finger, m. */
const HORN = 0.022;
const ROD = 0.036;
/** Motor angles between which ALOHA's leader gripper commands, rad. */
const COMMANDED = GRIPPER_SETS.original;

/** How a policy's grippers are measured. */
interface GripperUnits {
  /** Motor angles that are 0 and 1 of a state, rad. */
  closed: number;
  open: number;
  /** Motor angle of an action's unit, counted from `closed`, rad. */
  action: number;
}

/** openpi's constants, and those that it had when lerobot (0.1 to 0.3) took them over. */
const UNITS = {
  openpi: { closed: 0.5476, open: 1.6296, action: 1 },
  lerobot: { closed: 0.4, open: 1.5, action: 1.1 },
};

export type AlohaConvention = keyof typeof UNITS;

const clip = (value: number, lower: number, upper: number) =>
  Math.min(Math.max(value, lower), upper);

/** ALOHA's gripper opening (0 closed, 1 open) as π0's: the motor's angle, of which 0 and 1 are its own limits. */
export function openingToAngle(opening: number, units: GripperUnits = UNITS.openpi): number {
  const finger = opening * (ALOHA_FINGER.open - ALOHA_FINGER.closed) + ALOHA_FINGER.closed;
  const sine = (HORN ** 2 + finger ** 2 - ROD ** 2) / (2 * HORN * finger);
  const angle = Math.asin(clip(sine, -1, 1));
  return (angle - units.closed) / (units.open - units.closed);
}

/** A gripper action of π0 as an ALOHA command. */
export function angleToCommand(angle: number, units: GripperUnits = UNITS.openpi): number {
  const motor = angle * units.action + units.closed;
  return (motor - COMMANDED.closed) / (COMMANDED.open - COMMANDED.closed);
}

/** An ALOHA gripper command as a gripper action of π0: the inverse of `angleToCommand`. */
export function commandToAngle(command: number, units: GripperUnits = UNITS.openpi): number {
  const motor = command * (COMMANDED.open - COMMANDED.closed) + COMMANDED.closed;
  return (motor - units.closed) / units.action;
}

const adapt =
  (convert: (value: number, units: GripperUnits) => number, units: GripperUnits) =>
  (vector: Float64Array) => {
    for (const joint of FLIPPED) vector[joint] *= -1;
    for (const joint of GRIPPERS) vector[joint] = convert(vector[joint], units);
  };

/**
 * From ALOHA's vectors to those that the published π0 was trained on, with openpi's constants unless
 * another convention is named: its state and action grippers do not share a zero, and the policy expects
 * just that.
 */
export function alohaTransform(convention: AlohaConvention = 'openpi'): Transform {
  const units = UNITS[convention];
  return {
    encodeState: adapt(openingToAngle, units),
    encodeAction: adapt(commandToAngle, units),
    decodeAction: adapt(angleToCommand, units),
  };
}

const schema = z.strictObject({
  type: z.literal('aloha'),
  /** Whose gripper constants the policy was trained with; openpi's if absent. */
  convention: z.enum(['openpi', 'lerobot']).optional(),
});

export const alohaStep: TransformKind<z.infer<typeof schema>> = {
  type: 'aloha',
  schema,
  sizes: () => ({ state: ALOHA_JOINTS, actions: ALOHA_JOINTS }),
  create: ({ convention }) => alohaTransform(convention),
  space: {
    name: "openpi's space for ALOHA",
    differs: 'shoulders and elbows flipped, grippers as angles',
  },
};
