import type { Appearance } from './appearance.ts';
import { intersections, type Intersection } from './intersections.ts';
import type { MjData, MjModel, Mujoco } from './mujoco.ts';
import type { Hits, Rays, Viewpoint } from './rays.ts';
import { type Bounded, sightingOf } from './sight.ts';

interface Shape extends Bounded {
  size: Float64Array;
  intersect: Intersection;
}

/** A shape as a camera sees it. */
interface Sight {
  /** Row-major rotation [9] from the camera's frame to the shape's. */
  turn: number[];
  /** The camera's eye in the shape's frame, m. */
  eye: number[];
  /** Least and greatest u, then v, of the rays that may meet it. */
  window: number[];
}

/** Casts rays at some of a model's shapes, as they lie in `data`. */
export interface PrimitiveRays {
  /** Whether these rays meet the shape, by its index. */
  casts(shape: number): boolean;
  cast(data: MjData, from: Viewpoint, rays: Rays): Hits;
}

/** The visible shapes of the simple kinds. */
function simpleShapes(mujoco: Mujoco, model: MjModel, { visible }: Appearance): Shape[] {
  const byType = new Map<number, Intersection>(
    Object.entries(intersections).map(([name, intersect]) => [
      mujoco.mjtGeom[name as keyof typeof intersections].value,
      intersect,
    ]),
  );
  const shapes: Shape[] = [];
  for (let id = 0; id < model.ngeom; id++) {
    const intersect = byType.get((model.geom_type as Int32Array)[id]);
    if (!intersect || !visible[id]) continue;
    shapes.push({
      id,
      size: Float64Array.from((model.geom_size as Float64Array).subarray(3 * id, 3 * id + 3)),
      bound: (model.geom_rbound as Float64Array)[id],
      intersect,
    });
  }
  return shapes;
}

/** How a shape stands before a camera, or undefined where it lies wholly behind it. */
function sight(shape: Shape, data: MjData, from: Viewpoint): Sight | undefined {
  const sighting = sightingOf(shape, data, from);
  if (!sighting) return undefined;
  const { offset, window } = sighting;
  const frame = (data.geom_xmat as Float64Array).subarray(9 * shape.id, 9 * shape.id + 9);
  const column = (matrix: ArrayLike<number>, axis: number) => [
    matrix[axis],
    matrix[3 + axis],
    matrix[6 + axis],
  ];
  const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  const own = [0, 1, 2].map((axis) => column(frame, axis));
  return {
    turn: own.flatMap((axis) => [0, 1, 2].map((other) => dot(axis, column(from.axes, other)))),
    eye: own.map((axis) => -dot(axis, offset)),
    window,
  };
}

/** Turns every hit's normal from its shape's frame to the world's. */
function turnToWorld(normals: Float64Array, hits: Int32Array, frames: Float64Array) {
  for (let ray = 0; ray < hits.length; ray++) {
    const at = 9 * hits[ray];
    if (at < 0) continue;
    const x = normals[3 * ray];
    const y = normals[3 * ray + 1];
    const z = normals[3 * ray + 2];
    for (let axis = 0; axis < 3; axis++) {
      const row = at + 3 * axis;
      normals[3 * ray + axis] = frames[row] * x + frames[row + 1] * y + frames[row + 2] * z;
    }
  }
}

/** Neighbouring rays that are skipped together where a shape is elsewhere. */
const group = 32;

/** Least and greatest u, then v, of every group of rays, [groups, 4]. */
function groupWindows({ u, v }: Rays): Float64Array {
  const windows = new Float64Array(4 * Math.ceil(u.length / group));
  for (let ray = 0; ray < u.length; ray++) {
    const at = 4 * Math.floor(ray / group);
    const first = ray % group === 0;
    windows[at] = first ? u[ray] : Math.min(windows[at], u[ray]);
    windows[at + 1] = first ? u[ray] : Math.max(windows[at + 1], u[ray]);
    windows[at + 2] = first ? v[ray] : Math.min(windows[at + 2], v[ray]);
    windows[at + 3] = first ? v[ray] : Math.max(windows[at + 3], v[ray]);
  }
  return windows;
}

/** Stands for the zero of a direction's component, by which the intersections divide. */
const parallel = 1e-12;

/**
 * Casts rays at boxes, spheres, cylinders and capsules in closed form, and only where each appears:
 * several times faster than MuJoCo's general rays.
 */
export function createPrimitiveRays(
  mujoco: Mujoco,
  model: MjModel,
  appearance: Appearance,
): PrimitiveRays {
  const shapes = simpleShapes(mujoco, model, appearance);
  const ids = new Set(shapes.map(({ id }) => id));
  const normal = new Float64Array(3);
  return {
    casts: (shape) => ids.has(shape),
    cast(data, from, rays) {
      const { u, v } = rays;
      const windows = groupWindows(rays);
      const count = u.length;
      const hits = new Int32Array(count).fill(-1);
      const normals = new Float64Array(3 * count);
      const nearest = new Float64Array(count).fill(Infinity);
      for (const shape of shapes) {
        const seen = sight(shape, data, from);
        if (!seen) continue;
        const { size, id, intersect } = shape;
        const [uLow, uHigh, vLow, vHigh] = seen.window;
        const [xx, xy, xz, yx, yy, yz, zx, zy, zz] = seen.turn;
        const [ex, ey, ez] = seen.eye;
        for (let ray = 0; ray < count; ray++) {
          if (ray % group === 0) {
            const at = (4 * ray) / group;
            const apart =
              windows[at] > uHigh ||
              windows[at + 1] < uLow ||
              windows[at + 2] > vHigh ||
              windows[at + 3] < vLow;
            if (apart) {
              ray += group - 1;
              continue;
            }
          }
          const x = u[ray];
          const y = v[ray];
          if (x < uLow || x > uHigh || y < vLow || y > vHigh) continue;
          const dx = xx * x + xy * y - xz || parallel;
          const dy = yx * x + yy * y - yz || parallel;
          const dz = zx * x + zy * y - zz || parallel;
          const depth = intersect(size, ex, ey, ez, dx, dy, dz, normal);
          if (depth >= nearest[ray]) continue;
          nearest[ray] = depth;
          hits[ray] = id;
          normals[3 * ray] = normal[0];
          normals[3 * ray + 1] = normal[1];
          normals[3 * ray + 2] = normal[2];
        }
      }
      turnToWorld(normals, hits, data.geom_xmat as Float64Array);
      return { shapes: hits, depths: nearest, normals };
    },
  };
}
