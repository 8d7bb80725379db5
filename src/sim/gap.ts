import { z } from 'zod';
import { about, compose, rotate } from '../robot/rotations.ts';
import { uniformNumbers } from '../tensors/noise.ts';
import type { MjData, MjModel } from './mujoco.ts';

/** Largest camera shift, m. A larger value is probably in centimetres or millimetres. */
const FARTHEST_SHIFT = 1;
/** Largest camera tilt in either direction, degrees: beyond it the table is out of view. */
const STEEPEST_TILT = 90;
/** Longest delay in control steps (2 s): beyond it a command is unrelated to its observation. */
const LONGEST_DELAY = 100;
/** Largest friction factor, and the inverse of the smallest: beyond it nothing slides, or everything does. */
const MOST_FRICTION = 100;

const within = (most: number, remedy: string) =>
  z.number().refine((value) => Math.abs(value) <= most, {
    error: ({ input }) => `${String(input)} lies beyond ±${most}; ${remedy}`,
  });

const metres = within(FARTHEST_SHIFT, 'give metres');
const triple = z.tuple([metres, metres, metres]);

/** The gap between a simulated robot and the one that a policy was trained on; it stands for the gap to a real robot. */
export const gapSchema = z.strictObject({
  /** m, in the frame of each camera's parent body. */
  cameraShift: triple.default([0, 0, 0]),
  /** Degrees about each camera's own x axis. */
  cameraTilt: within(
    STEEPEST_TILT,
    'give degrees, a camera that looks elsewhere altogether shows no table',
  ).default(0),
  /** Added to each gripper's measured opening and subtracted from its commanded opening. */
  gripperOffset: within(1, 'give a share of the opening, as 0.02').default(0),
  /** Delay of commands in control steps. */
  delay: z
    .int()
    .min(0)
    .max(LONGEST_DELAY, `more than ${LONGEST_DELAY}; give control steps`)
    .default(0),
  /** Factor on the friction of every contact. */
  friction: z
    .number()
    .min(1 / MOST_FRICTION, `less than 1/${MOST_FRICTION}; give a factor, as 0.7`)
    .max(MOST_FRICTION, `more than ${MOST_FRICTION}; give a factor, as 1.3`)
    .default(1),
});

export type Gap = z.infer<typeof gapSchema>;

const part = (values: Float64Array, index: number, width: number) =>
  Array.from(values.subarray(width * index, width * (index + 1)));

/**
 * Moves the cameras of a model by a gap, where they stand in `data`. One that aims at a body (MJCF's mode) is moved from
 * where it aims: as if its mount were askew.
 */
export function moveCameras(
  model: MjModel,
  data: MjData,
  { cameraShift, cameraTilt }: Pick<Gap, 'cameraShift' | 'cameraTilt'>,
): void {
  if (cameraTilt === 0 && cameraShift.every((shift) => shift === 0)) return;
  const tilt = about.x((cameraTilt * Math.PI) / 180);
  // MuJoCo's memory may move when it grows, so its arrays are fetched on every use.
  const frames = data.xmat as Float64Array;
  const [places, turns] = [data.cam_xpos, data.cam_xmat] as [Float64Array, Float64Array];
  (model.cam_bodyid as Int32Array).forEach((body, camera) => {
    const shift = rotate(part(frames, body, 9), cameraShift);
    shift.forEach((value, axis) => (places[3 * camera + axis] += value));
    turns.set(compose(part(turns, camera, 9), tilt), 9 * camera);
  });
}

/** Returns a function that puts a factor on the friction of a model's contacts, replacing the previous one. */
export function frictionSetter(model: MjModel): (factor: number) => void {
  const frictions = () => model.geom_friction as Float64Array;
  const own = frictions().slice();
  return (factor) => frictions().set(own.map((friction) => friction * factor));
}

const GAP_STREAM = 1;

/**
 * Draws a random gap, determined by the seed. Shift, tilt and offset are uniform in ±`most`, the delay in 0 to
 * `most.delay`; friction is log-uniform between 1 / `most.friction` and `most.friction`.
 */
export function drawGap(most: Gap, seed: number): Gap {
  const uniform = uniformNumbers([seed, GAP_STREAM]);
  const either = (size: number) => size * (2 * uniform() - 1);
  return {
    cameraShift: most.cameraShift.map(either) as Gap['cameraShift'],
    cameraTilt: either(most.cameraTilt),
    gripperOffset: either(most.gripperOffset),
    delay: Math.floor(uniform() * (most.delay + 1)),
    friction: most.friction ** either(1),
  };
}
