import type { MjData, MjModel, Mujoco } from './mujoco.ts';
import type { Hits, Rays, Viewpoint } from './rays.ts';
import { sightingOf } from './sight.ts';

/** Rays per call into MuJoCo; its binding requires arrays of exactly this size. */
const BATCH = 1024;

/** All groups: visibility is set by the shapes' opacity. */
const ALL_GROUPS = [1, 1, 1, 1, 1, 1];

/** Most back faces that a ray passes before it counts as a miss. */
const MOST_PASSED = 16;

/** Offset beyond a surface at which a ray continues, m. */
const BEYOND = 1e-6;

/** Casts rays at some of a model's shapes by MuJoCo itself. */
export interface MujocoRays {
  /** Updates `hits` with the shapes that the rays hit nearer. */
  addTo(hits: Hits, data: MjData, from: Viewpoint, rays: Rays): void;
  close(): void;
}

/**
 * A copy of the model in which rays hit only these shapes. It has no bounding volumes of bodies: MuJoCo's batched rays
 * do not rotate them with their body and miss shapes that are off to the side.
 */
function modelOf(mujoco: Mujoco, whole: MjModel, shapes: readonly number[]): MjModel {
  const model = new mujoco.MjModel(whole);
  const opacity = model.geom_rgba as Float32Array;
  for (let shape = 0; shape < model.ngeom; shape++) opacity[4 * shape + 3] = 0;
  for (const shape of shapes) opacity[4 * shape + 3] = 1;
  (model.geom_matid as Int32Array).fill(-1);
  (model.body_bvhadr as Int32Array).fill(-1);
  return model;
}

/** Casts rays at these shapes with MuJoCo, which supports every kind, including meshes and height fields. */
class Caster implements MujocoRays {
  private readonly mujoco: Mujoco;
  private readonly model: MjModel;
  private readonly bounded: { id: number; bound: number }[];
  private readonly hitShapes;
  private readonly hitDistances;
  private readonly hitNormals;
  private readonly oneShape;
  private readonly oneNormal;
  /** [BATCH, 3] */
  private readonly directions = new Float64Array(3 * BATCH);

  constructor(mujoco: Mujoco, whole: MjModel, shapes: readonly number[]) {
    this.mujoco = mujoco;
    this.model = modelOf(mujoco, whole, shapes);
    const bounds = this.model.geom_rbound as Float64Array;
    // A plane has no bound.
    this.bounded = shapes.map((id) => ({ id, bound: bounds[id] || Infinity }));
    this.hitShapes = new mujoco.IntBuffer(BATCH);
    this.hitDistances = new mujoco.DoubleBuffer(BATCH);
    this.hitNormals = new mujoco.DoubleBuffer(3 * BATCH);
    this.oneShape = new mujoco.IntBuffer(1);
    this.oneNormal = new mujoco.DoubleBuffer(3);
  }

  addTo(hits: Hits, data: MjData, from: Viewpoint, rays: Rays): void {
    const met = this.candidates(data, from, rays);
    for (let start = 0; start < met.length; start += BATCH)
      this.castBatch(hits, data, from, rays, met.subarray(start, start + BATCH));
  }

  close(): void {
    const { hitShapes, hitDistances, hitNormals, oneShape, oneNormal, model } = this;
    for (const object of [hitShapes, hitDistances, hitNormals, oneShape, oneNormal, model])
      object.delete();
  }

  /** The rays that may meet one of the shapes. */
  private candidates(data: MjData, from: Viewpoint, { u, v }: Rays): Int32Array {
    const windows = this.bounded.flatMap((shape) => {
      const sighting = sightingOf(shape, data, from);
      return sighting ? [sighting.window] : [];
    });
    const found = new Int32Array(u.length);
    let count = 0;
    for (let ray = 0; ray < u.length; ray++) {
      const [x, y] = [u[ray], v[ray]];
      if (windows.some(([a, b, c, d]) => x >= a && x <= b && y >= c && y <= d))
        found[count++] = ray;
    }
    return found.subarray(0, count);
  }

  /** Casts at most BATCH rays, `batch` by index. */
  private castBatch(
    hits: Hits,
    data: MjData,
    from: Viewpoint,
    rays: Rays,
    batch: Int32Array,
  ): void {
    const { mujoco, model, directions, hitShapes, hitDistances, hitNormals } = this;
    const { eye } = from;
    batch.forEach((ray, index) => direct(directions, index, from, rays.u[ray], rays.v[ray]));
    mujoco.mj_multiRay(
      model,
      data,
      Array.from(eye),
      directions as unknown as number[],
      ALL_GROUPS,
      true,
      -1,
      hitShapes,
      hitDistances,
      hitNormals,
      BATCH,
      Infinity,
    );
    const found = (hitShapes.GetView() as Int32Array).slice();
    const distances = (hitDistances.GetView() as Float64Array).slice();
    const normals = (hitNormals.GetView() as Float64Array).slice();
    batch.forEach((ray, index) => {
      if (found[index] < 0) return;
      const direction = Array.from(directions.subarray(3 * index, 3 * index + 3));
      const normal = normals.subarray(3 * index, 3 * index + 3);
      const hit = isFront(normal, direction)
        ? { shape: found[index], distance: distances[index], normal }
        : this.passThrough(data, eye, direction, distances[index]);
      if (hit) enter(hits, rays, ray, hit);
    });
  }

  /** Where a ray first meets a surface from its front, beyond a distance at which it left one. */
  private passThrough(
    data: MjData,
    eye: ArrayLike<number>,
    direction: number[],
    left: number,
  ): Hit | undefined {
    const { mujoco, model, oneShape, oneNormal } = this;
    let distance = left;
    for (let passed = 0; passed < MOST_PASSED; passed++) {
      distance += BEYOND;
      const start = direction.map((along, axis) => eye[axis] + distance * along);
      const further = mujoco.mj_ray(
        model,
        data,
        start,
        direction,
        ALL_GROUPS,
        true,
        -1,
        oneShape,
        oneNormal,
      );
      if (further < 0) return undefined;
      distance += further;
      const [shape] = oneShape.GetView() as Int32Array;
      const normal = (oneNormal.GetView() as Float64Array).slice();
      if (isFront(normal, direction)) return { shape, distance, normal };
    }
    return undefined;
  }
}

/** Opens a ray caster for these shapes that uses MuJoCo; the caller closes it. */
export const createMujocoRays = (
  mujoco: Mujoco,
  whole: MjModel,
  shapes: readonly number[],
): MujocoRays => new Caster(mujoco, whole, shapes);

/** A ray's hit: shape, distance from the eye in m, surface normal [3]. */
interface Hit {
  shape: number;
  distance: number;
  normal: Float64Array;
}

/** Writes the direction of the ray through (x, y) of the picture's plane as the unit vector at `index`. */
function direct(
  directions: Float64Array,
  index: number,
  { axes }: Viewpoint,
  x: number,
  y: number,
): void {
  const shrink = 1 / Math.sqrt(x * x + y * y + 1);
  for (let axis = 0; axis < 3; axis++) {
    const along = x * axes[3 * axis] + y * axes[3 * axis + 1] - axes[3 * axis + 2];
    directions[3 * index + axis] = along * shrink;
  }
}

/** Whether a ray hits a surface from outside: the renderer culls back faces. */
const isFront = (normal: ArrayLike<number>, direction: ArrayLike<number>) =>
  normal[0] * direction[0] + normal[1] * direction[1] + normal[2] * direction[2] <= 0;

/** Stores a ray's hit if it is nearer than the stored one; `distance` in m. */
function enter(
  { shapes, depths, normals }: Hits,
  { u, v }: Rays,
  ray: number,
  { shape, distance, normal }: Hit,
) {
  const depth = distance / Math.sqrt(u[ray] * u[ray] + v[ray] * v[ray] + 1);
  if (depth >= depths[ray]) return;
  shapes[ray] = shape;
  depths[ray] = depth;
  normals.set(normal, 3 * ray);
}
