import type { Transform } from './transform.ts';

/** ALOHA's vectors: six joints and a gripper, left arm first. */
export const ALOHA_JOINTS = 14;
const GRIPPERS = [6, 13];
/** Shoulders and elbows turn the other way in the data that π0 was trained on. */
const FLIPPED = [1, 2, 8, 9];

/** Finger position of the closed and the open gripper, m. */
const FINGER = { closed: 0.01844, open: 0.058 };
/** Crank and rod between motor and finger, m. */
const HORN = 0.022;
const ROD = 0.036;
/** Motor angles between which π0 measures a gripper, rad. */
const MEASURED = { closed: 0.5476, open: 1.6296 };
/** Motor angles between which ALOHA's leader gripper commands, rad. */
const COMMANDED = { closed: -0.6213, open: 1.491 };

const clip = (value: number, lower: number, upper: number) =>
  Math.min(Math.max(value, lower), upper);

/** ALOHA's gripper opening (0 closed, 1 open) as π0's: the motor's angle, of which 0 and 1 are its own limits. */
export function openingToAngle(opening: number): number {
  const finger = opening * (FINGER.open - FINGER.closed) + FINGER.closed;
  const sine = (HORN ** 2 + finger ** 2 - ROD ** 2) / (2 * HORN * finger);
  const angle = Math.asin(clip(sine, -1, 1));
  return (angle - MEASURED.closed) / (MEASURED.open - MEASURED.closed);
}

/** A gripper action of π0 as an ALOHA command. */
export function angleToCommand(angle: number): number {
  return (angle + MEASURED.closed - COMMANDED.closed) / (COMMANDED.open - COMMANDED.closed);
}

/** An ALOHA gripper command as a gripper action of π0: the inverse of `angleToCommand`. */
export function commandToAngle(command: number): number {
  return command * (COMMANDED.open - COMMANDED.closed) + COMMANDED.closed - MEASURED.closed;
}

const adapt = (convertGripper: (value: number) => number) => (vector: Float64Array) => {
  for (const joint of FLIPPED) vector[joint] *= -1;
  for (const joint of GRIPPERS) vector[joint] = convertGripper(vector[joint]);
};

/**
 * From ALOHA's vectors to those that the published π0 was trained on, with openpi's constants: its
 * state and action grippers do not share a zero, and the policy expects just that.
 */
export const alohaTransform: Transform = {
  encodeState: adapt(openingToAngle),
  encodeAction: adapt(commandToAngle),
  decodeAction: adapt(angleToCommand),
};
