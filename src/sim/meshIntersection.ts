import type { Intersection } from './intersections.ts';

/** Triangles of a leaf, at most. */
const LEAF = 4;

/** Numbers of a node's box: least x, y, z, then greatest. */
const BOX = 6;

/** A mesh in its shape's frame, as MuJoCo holds it. */
export interface Mesh {
  /** [vertices, 3] m. */
  vertices: Float32Array;
  /** [triangles, 3] vertices, anticlockwise from outside. */
  faces: Int32Array;
}

/** A tree of boxes around a mesh's triangles; node 0 is the root, and children are neighbours. */
interface Tree {
  /** [nodes, 6] */
  boxes: Float64Array;
  /** [nodes] first child of an inner node, first triangle of a leaf. */
  first: Int32Array;
  /** [nodes] triangles of a leaf; 0 of an inner node. */
  count: Int32Array;
  /** Triangles in the order of the leaves: a corner and two edges each, [triangles, 9]. */
  triangles: Float64Array;
}

/** [triangles, 9] corners. */
function cornersOf({ vertices, faces }: Mesh): Float64Array {
  const corners = new Float64Array(3 * faces.length);
  faces.forEach((vertex, index) => {
    corners.set(vertices.subarray(3 * vertex, 3 * vertex + 3), 3 * index);
  });
  return corners;
}

/** Splits the triangles by the middle one along the widest axis until few are left. */
function treeOf(mesh: Mesh): Tree {
  const corners = cornersOf(mesh);
  const total = corners.length / 9;
  const order = Array.from({ length: total }, (_, triangle) => triangle);
  const boxes: number[] = [];
  const first: number[] = [];
  const count: number[] = [];

  const add = () => {
    boxes.push(Infinity, Infinity, Infinity, -Infinity, -Infinity, -Infinity);
    count.push(0);
    return first.push(0) - 1;
  };
  const centre = (triangle: number, axis: number) =>
    corners[9 * triangle + axis] +
    corners[9 * triangle + 3 + axis] +
    corners[9 * triangle + 6 + axis];
  const surround = (node: number, start: number, end: number) => {
    for (let index = start; index < end; index++)
      for (let at = 0; at < 9; at++) {
        const value = corners[9 * order[index] + at];
        const low = BOX * node + (at % 3);
        boxes[low] = Math.min(boxes[low], value);
        boxes[low + 3] = Math.max(boxes[low + 3], value);
      }
  };
  const fill = (node: number, start: number, end: number) => {
    surround(node, start, end);
    if (end - start <= LEAF) {
      first[node] = start;
      count[node] = end - start;
      return;
    }
    const width = (axis: number) => boxes[BOX * node + 3 + axis] - boxes[BOX * node + axis];
    const widest = [0, 1, 2].reduce((best, axis) => (width(axis) > width(best) ? axis : best));
    const sorted = order.slice(start, end).sort((a, b) => centre(a, widest) - centre(b, widest));
    sorted.forEach((triangle, index) => (order[start + index] = triangle));
    const middle = (start + end) >> 1;
    const [left, right] = [add(), add()];
    first[node] = left;
    fill(left, start, middle);
    fill(right, middle, end);
  };

  fill(add(), 0, total);
  const triangles = new Float64Array(9 * total);
  order.forEach((triangle, index) => {
    for (let at = 0; at < 9; at++)
      triangles[9 * index + at] =
        corners[9 * triangle + at] - (at < 3 ? 0 : corners[9 * triangle + (at % 3)]);
  });
  return {
    boxes: Float64Array.from(boxes),
    first: Int32Array.from(first),
    count: Int32Array.from(count),
    triangles,
  };
}

/** Where a ray enters a node's box; Infinity if it misses it or enters beyond `limit`. */
function entry(
  boxes: Float64Array,
  node: number,
  ox: number,
  oy: number,
  oz: number,
  ix: number,
  iy: number,
  iz: number,
  limit: number,
): number {
  const at = BOX * node;
  // Comparisons are quicker here than Math.min and Math.max.
  const x1 = (boxes[at] - ox) * ix;
  const x2 = (boxes[at + 3] - ox) * ix;
  const y1 = (boxes[at + 1] - oy) * iy;
  const y2 = (boxes[at + 4] - oy) * iy;
  const z1 = (boxes[at + 2] - oz) * iz;
  const z2 = (boxes[at + 5] - oz) * iz;
  let enter = x1 < x2 ? x1 : x2;
  let leave = x1 < x2 ? x2 : x1;
  const y = y1 < y2 ? y1 : y2;
  const z = z1 < z2 ? z1 : z2;
  const yEnd = y1 < y2 ? y2 : y1;
  const zEnd = z1 < z2 ? z2 : z1;
  if (y > enter) enter = y;
  if (z > enter) enter = z;
  if (enter < 0) enter = 0;
  if (yEnd < leave) leave = yEnd;
  if (zEnd < leave) leave = zEnd;
  return enter <= leave && enter < limit ? enter : Infinity;
}

/**
 * The nearest of the triangles from `start` to `end` that faces the ray's origin, if it is nearer than `limit`: its
 * distance, with its normal in `normal`; else `limit`.
 */
function nearestTriangle(
  triangles: Float64Array,
  start: number,
  end: number,
  ox: number,
  oy: number,
  oz: number,
  dx: number,
  dy: number,
  dz: number,
  limit: number,
  normal: Float64Array,
): number {
  let nearest = limit;
  for (let at = 9 * start; at < 9 * end; at += 9) {
    const ax = triangles[at + 3];
    const ay = triangles[at + 4];
    const az = triangles[at + 5];
    const bx = triangles[at + 6];
    const by = triangles[at + 7];
    const bz = triangles[at + 8];
    const nx = ay * bz - az * by;
    const ny = az * bx - ax * bz;
    const nz = ax * by - ay * bx;
    const facing = dx * nx + dy * ny + dz * nz;
    if (facing >= 0) continue;
    const px = ox - triangles[at];
    const py = oy - triangles[at + 1];
    const pz = oz - triangles[at + 2];
    const distance = -(px * nx + py * ny + pz * nz) / facing;
    if (!(distance > 0 && distance < nearest)) continue;
    const qx = py * dz - pz * dy;
    const qy = pz * dx - px * dz;
    const qz = px * dy - py * dx;
    const along = -(qx * bx + qy * by + qz * bz) / facing;
    const across = (qx * ax + qy * ay + qz * az) / facing;
    if (along < 0 || across < 0 || along + across > 1) continue;
    nearest = distance;
    const length = Math.sqrt(nx * nx + ny * ny + nz * nz);
    normal[0] = nx / length;
    normal[1] = ny / length;
    normal[2] = nz / length;
  }
  return nearest;
}

/** Nodes that wait at most: two for each level, and each level halves the triangles. */
const DEPTH = 64;

/** Intersection with a mesh: the nearest triangle that faces the ray's origin. `size` is not read. */
export function meshIntersection(mesh: Mesh): Intersection {
  if (mesh.faces.length === 0) return () => Infinity;
  const { boxes, first, count, triangles } = treeOf(mesh);
  const waiting = new Int32Array(DEPTH);
  const entries = new Float64Array(DEPTH);

  return (_size, ox, oy, oz, dx, dy, dz, normal, limit) => {
    const ix = 1 / dx;
    const iy = 1 / dy;
    const iz = 1 / dz;
    let nearest = limit;
    waiting[0] = 0;
    entries[0] = entry(boxes, 0, ox, oy, oz, ix, iy, iz, limit);
    let depth = 1;
    while (depth > 0) {
      const node = waiting[--depth];
      if (entries[depth] >= nearest) continue;
      const child = first[node];
      if (count[node] > 0) {
        const end = child + count[node];
        // prettier-ignore
        nearest = nearestTriangle(triangles, child, end, ox, oy, oz, dx, dy, dz, nearest, normal);
        continue;
      }
      const left = entry(boxes, child, ox, oy, oz, ix, iy, iz, nearest);
      const right = entry(boxes, child + 1, ox, oy, oz, ix, iy, iz, nearest);
      // The nearer one waits on top; one that is missed, at Infinity, is passed over when its turn comes.
      const nearer = left <= right ? 0 : 1;
      waiting[depth] = child + 1 - nearer;
      entries[depth++] = nearer === 0 ? right : left;
      waiting[depth] = child + nearer;
      entries[depth++] = nearer === 0 ? left : right;
    }
    return nearest < limit ? nearest : Infinity;
  };
}
