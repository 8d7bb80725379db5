/**
 * Distance along a ray to its first entry into a shape, in lengths of the ray's direction, or Infinity. The shape is
 * centred at the origin and axis-aligned; `size` is MuJoCo's geom_size. Writes the outward normal at the hit to `normal`.
 * A hit beyond `limit` need not be found.
 */
export type Intersection = (
  size: ArrayLike<number>,
  ox: number,
  oy: number,
  oz: number,
  dx: number,
  dy: number,
  dz: number,
  normal: Float64Array,
  limit: number,
) => number;

function setNormal(normal: Float64Array, x: number, y: number, z: number) {
  normal[0] = x;
  normal[1] = y;
  normal[2] = z;
}

const box: Intersection = (size, ox, oy, oz, dx, dy, dz, normal) => {
  const sx = dx > 0 ? -size[0] : size[0];
  const sy = dy > 0 ? -size[1] : size[1];
  const sz = dz > 0 ? -size[2] : size[2];
  const tx = (sx - ox) / dx;
  const ty = (sy - oy) / dy;
  const tz = (sz - oz) / dz;
  const enter = Math.max(tx, ty, tz);
  const leave = Math.min((-sx - ox) / dx, (-sy - oy) / dy, (-sz - oz) / dz);
  if (!(enter > 0 && enter <= leave)) return Infinity;
  if (enter === tx) setNormal(normal, dx > 0 ? -1 : 1, 0, 0);
  else if (enter === ty) setNormal(normal, 0, dy > 0 ? -1 : 1, 0);
  else setNormal(normal, 0, 0, dz > 0 ? -1 : 1);
  return enter;
};

/** A ball of `radius` whose centre lies at height `lift` on the z axis. */
function ball(
  radius: number,
  lift: number,
  ox: number,
  oy: number,
  oz: number,
  dx: number,
  dy: number,
  dz: number,
  normal: Float64Array,
): number {
  const z = oz - lift;
  const a = dx * dx + dy * dy + dz * dz;
  const b = ox * dx + oy * dy + z * dz;
  const c = ox * ox + oy * oy + z * z - radius * radius;
  const root = b * b - a * c;
  const t = root < 0 ? -1 : (-b - Math.sqrt(root)) / a;
  if (t <= 0) return Infinity;
  setNormal(normal, (ox + t * dx) / radius, (oy + t * dy) / radius, (z + t * dz) / radius);
  return t;
}

const sphere: Intersection = (size, ox, oy, oz, dx, dy, dz, normal) =>
  ball(size[0], 0, ox, oy, oz, dx, dy, dz, normal);

/** The wall of a tube around the z axis, size[0] thick and size[1] high to each side. */
const tube: Intersection = (size, ox, oy, oz, dx, dy, dz, normal) => {
  const radius = size[0];
  const a = dx * dx + dy * dy;
  const b = ox * dx + oy * dy;
  const root = b * b - a * (ox * ox + oy * oy - radius * radius);
  const t = root < 0 ? -1 : (-b - Math.sqrt(root)) / a;
  if (!(t > 0) || Math.abs(oz + t * dz) > size[1]) return Infinity;
  setNormal(normal, (ox + t * dx) / radius, (oy + t * dy) / radius, 0);
  return t;
};

const cylinder: Intersection = (size, ox, oy, oz, dx, dy, dz, normal, limit) => {
  const side = tube(size, ox, oy, oz, dx, dy, dz, normal, limit);
  if (side < Infinity) return side;
  const up = dz > 0 ? -1 : 1;
  const t = (up * size[1] - oz) / dz;
  const x = ox + t * dx;
  const y = oy + t * dy;
  if (!(t > 0) || x * x + y * y > size[0] * size[0]) return Infinity;
  setNormal(normal, 0, 0, up);
  return t;
};

const capsule: Intersection = (size, ox, oy, oz, dx, dy, dz, normal, limit) => {
  const side = tube(size, ox, oy, oz, dx, dy, dz, normal, limit);
  if (side < Infinity) return side;
  const lift = dz > 0 ? -size[1] : size[1];
  const near = ball(size[0], lift, ox, oy, oz, dx, dy, dz, normal);
  return near < Infinity ? near : ball(size[0], -lift, ox, oy, oz, dx, dy, dz, normal);
};

/** By the name of MuJoCo's geom type. */
export const intersections = {
  mjGEOM_BOX: box,
  mjGEOM_SPHERE: sphere,
  mjGEOM_CYLINDER: cylinder,
  mjGEOM_CAPSULE: capsule,
} satisfies Record<string, Intersection>;
