import type { MjModel } from '@mujoco/mujoco';
import { z } from 'zod';

const triple = z.tuple([z.number(), z.number(), z.number()]);

/** How a simulated robot differs from the one that a policy learned on, as a real one does. */
export const gapSchema = z.strictObject({
  /** m, in the frame that each camera hangs in. */
  cameraShift: triple.default([0, 0, 0]),
  /** Degrees about each camera's own x axis. */
  cameraTilt: z.number().default(0),
  /** Added to each gripper's opening as it is measured, and taken from it as it is commanded. */
  gripperOffset: z.number().default(0),
  /** Control steps by which commands come later. */
  delay: z.int().min(0).default(0),
  /** Of every contact, times as much. */
  friction: z.number().positive().default(1),
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

/** Moves a model's cameras and changes its friction. */
export function applyGap(model: MjModel, { cameraShift, cameraTilt, friction }: Gap): void {
  const positions = model.cam_pos as Float64Array;
  const turns = model.cam_quat as Float64Array;
  const half = (cameraTilt * Math.PI) / 360;
  for (let camera = 0; camera < positions.length / 3; camera++) {
    cameraShift.forEach((shift, axis) => (positions[3 * camera + axis] += shift));
    const quat = [...turns.subarray(4 * camera, 4 * camera + 4)];
    turns.set(product(quat, [Math.cos(half), Math.sin(half), 0, 0]), 4 * camera);
  }
  const frictions = model.geom_friction as Float64Array;
  for (let i = 0; i < frictions.length; i++) frictions[i] *= friction;
}
