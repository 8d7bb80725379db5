import type { MjModel, Mujoco } from './mujoco.ts';
import { shownGroups, type RayCast } from './rays.ts';

/** Rays of one call into MuJoCo, whose binding wants arrays of exactly that size. */
const batch = 1024;

/** Metres beyond which nothing is drawn. */
const farthest = 5;

/** Casts rays by MuJoCo itself, which knows every kind of shape: meshes, height fields and all. */
export function createMujocoRays(mujoco: Mujoco, model: MjModel): RayCast {
  const hitShapes = new mujoco.IntBuffer(batch);
  const hitDistances = new mujoco.DoubleBuffer(batch);
  const hitNormals = new mujoco.DoubleBuffer(3 * batch);
  const directions = new Float64Array(3 * batch);
  return {
    cast(data, { eye, axes }, { u, v }) {
      const shapes = new Int32Array(u.length);
      const normals = new Float64Array(3 * u.length);
      for (let start = 0; start < u.length; start += batch) {
        const used = Math.min(batch, u.length - start);
        for (let ray = 0; ray < used; ray++) {
          const [x, y] = [u[start + ray], v[start + ray]];
          const shrink = 1 / Math.sqrt(x * x + y * y + 1);
          for (let axis = 0; axis < 3; axis++) {
            const along = x * axes[3 * axis] + y * axes[3 * axis + 1] - axes[3 * axis + 2];
            directions[3 * ray + axis] = along * shrink;
          }
        }
        mujoco.mj_multiRay(
          model,
          data,
          Array.from(eye),
          directions as unknown as number[],
          shownGroups,
          true,
          -1,
          hitShapes,
          hitDistances,
          hitNormals,
          batch,
          farthest,
        );
        shapes.set((hitShapes.GetView() as Int32Array).subarray(0, used), start);
        normals.set((hitNormals.GetView() as Float64Array).subarray(0, 3 * used), 3 * start);
      }
      return { shapes, normals };
    },
    close() {
      for (const buffer of [hitShapes, hitDistances, hitNormals]) buffer.delete();
    },
  };
}
