const clamp01 = (value: number) => Math.min(Math.max(value, 0), 1);

/**
 * Least distance between two segments, m: from point `i` to `i + 1` of `a` [points, 3] and from `j` to
 * `j + 1` of `b`. A segment may have length zero. Allocates nothing. Ericson, Real-Time Collision Detection (2005), 5.1.9.
 */
export function segmentDistance(a: Float64Array, i: number, b: Float64Array, j: number): number {
  const p = 3 * i;
  const q = 3 * j;
  const ux = a[p + 3] - a[p];
  const uy = a[p + 4] - a[p + 1];
  const uz = a[p + 5] - a[p + 2];
  const vx = b[q + 3] - b[q];
  const vy = b[q + 4] - b[q + 1];
  const vz = b[q + 5] - b[q + 2];
  const wx = a[p] - b[q];
  const wy = a[p + 1] - b[q + 1];
  const wz = a[p + 2] - b[q + 2];
  const uu = ux * ux + uy * uy + uz * uz;
  const vv = vx * vx + vy * vy + vz * vz;
  const uv = ux * vx + uy * vy + uz * vz;
  const uw = ux * wx + uy * wy + uz * wz;
  const vw = vx * wx + vy * wy + vz * wz;
  const parallel = uu * vv - uv * uv;
  let s = parallel > 1e-12 * uu * vv ? clamp01((uv * vw - uw * vv) / parallel) : 0;
  const t = vv > 0 ? clamp01((uv * s + vw) / vv) : 0;
  s = uu > 0 ? clamp01((uv * t - uw) / uu) : 0;
  const x = wx + s * ux - t * vx;
  const y = wy + s * uy - t * vy;
  const z = wz + s * uz - t * vz;
  return Math.sqrt(x * x + y * y + z * z);
}
