import type { MjModel } from '@mujoco/mujoco';
import { z } from 'zod';
import { uniformNumbers } from '../tensors/noise.ts';

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

/** Hamilton product of quaternions [w x y z]. */
function product(a: readonly number[], b: readonly number[]): number[] {
  const [w, x, y, z] = a;
  const [p, q, r, s] = b;
  return [
    w * p - x * q - y * r - z * s,
    w * q + x * p + y * s - z * r,
    w * r - x * s + y * p + z * q,
    w * s + x * r - y * q + z * p,
  ];
}

/** Returns a function that applies a gap to a model's cameras and contacts, replacing the previous gap. */
export function gapSetter(model: MjModel): (gap: Gap) => void {
  // MuJoCo's memory may move when it grows, so its arrays are fetched on every use.
  const views = () =>
    [model.cam_pos, model.cam_quat, model.geom_friction] as [
      Float64Array,
      Float64Array,
      Float64Array,
    ];
  const [places, turns, rubs] = views().map((values) => values.slice());
  return ({ cameraShift, cameraTilt, friction }) => {
    const [positions, quaternions, frictions] = views();
    positions.set(places.map((place, i) => place + cameraShift[i % 3]));
    frictions.set(rubs.map((rub) => rub * friction));
    const half = (cameraTilt * Math.PI) / 360;
    for (let at = 0; at < turns.length; at += 4) {
      const turn = [...turns.subarray(at, at + 4)];
      quaternions.set(product(turn, [Math.cos(half), Math.sin(half), 0, 0]), at);
    }
  };
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
