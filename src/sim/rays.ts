import type { MjData } from './mujoco.ts';

/** Where a camera stands in the world. */
export interface Viewpoint {
  /** m. */
  eye: ArrayLike<number>;
  /** Row-major rotation [9] from the camera's frame (x right, y up, z backwards) to the world's. */
  axes: ArrayLike<number>;
}

/** Rays through a camera's eye: in its frame, ray i points along (u[i], v[i], −1). */
export interface Rays {
  u: Float64Array;
  v: Float64Array;
}

/** What rays meet first. */
export interface Hits {
  /** [rays] the model's shape, or −1. */
  shapes: Int32Array;
  /** [rays, 3] unit normal in the world frame; meaningless where nothing is hit. */
  normals: Float64Array;
}

/** Casts rays into the scene that `data` holds. */
export interface RayCast {
  cast(data: MjData, from: Viewpoint, rays: Rays): Hits;
  close(): void;
}

/** Geom groups that are drawn, as MuJoCo's viewer has them: the others are for collisions only. */
export const shownGroups = [1, 1, 1, 0, 0, 0];
