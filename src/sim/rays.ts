/** A camera's pose in the world. */
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

/** The first hits of rays. */
export interface Hits {
  /** [rays] the model's shape, or −1. */
  shapes: Int32Array;
  /** [rays] distance in lengths of the ray's direction; infinite if nothing is hit. */
  depths: Float64Array;
  /** [rays, 3] unit normal in the world frame; undefined content if nothing is hit. */
  normals: Float64Array;
}
