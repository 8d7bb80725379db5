import type { MjData, MjModel, Mujoco } from './mujoco.ts';
import { brightness, surroundings } from './shading.ts';

/** Draws a model's cameras by casting MuJoCo's own rays, so it needs neither GPU nor display. */
export interface Raycaster {
  /**
   * RGB8 [height, width, 3] of a camera in the scene that `data` holds; the positions of shapes and
   * cameras must be up to date there.
   */
  render(data: MjData, camera: number, width: number, height: number): Uint8Array;
  close(): void;
}

/** Metres beyond which nothing is drawn. */
const farthest = 5;

/** Rays of one call into MuJoCo, whose binding wants arrays of exactly that size. */
const batch = 1024;

/** Geom groups drawn: those that MuJoCo's viewer shows, without collision-only shapes. */
const shownGroups = [1, 1, 1, 0, 0, 0];

/** Where a pixel on a shape's outline is sampled again, in pixels from its centre. */
const outlineSamples = [-0.25, -0.25, 0.25, -0.25, -0.25, 0.25, 0.25, 0.25];

const perPixel = outlineSamples.length / 2;

/** RGB (0 to 1) of every shape: its material's colour where it has one. */
function shapeColours(model: MjModel): Float32Array {
  const material = model.geom_matid as Int32Array;
  const own = model.geom_rgba as Float32Array;
  const ofMaterial = model.mat_rgba as Float32Array;
  const colours = new Float32Array(model.ngeom * 3);
  for (let geom = 0; geom < model.ngeom; geom++) {
    const id = material[geom];
    const rgba = id < 0 ? own.subarray(4 * geom) : ofMaterial.subarray(4 * id);
    colours.set(rgba.subarray(0, 3), 3 * geom);
  }
  return colours;
}

/** Image coordinates [pixels, 2] of every pixel's centre, row by row from the upper left. */
function pixelCentres(width: number, height: number): Float64Array {
  const centres = new Float64Array(2 * width * height);
  for (let pixel = 0; pixel < width * height; pixel++) {
    centres[2 * pixel] = (pixel % width) + 0.5;
    centres[2 * pixel + 1] = Math.floor(pixel / width) + 0.5;
  }
  return centres;
}

/** Pixels whose right or lower neighbour shows another shape, and those neighbours. */
function outlinePixels(shapes: Int32Array, width: number, height: number): Int32Array {
  const marked = new Uint8Array(shapes.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      if (x + 1 < width && shapes[at] !== shapes[at + 1]) marked[at] = marked[at + 1] = 1;
      if (y + 1 < height && shapes[at] !== shapes[at + width]) marked[at] = marked[at + width] = 1;
    }
  }
  const pixels = new Int32Array(shapes.length);
  let count = 0;
  for (let at = 0; at < marked.length; at++) if (marked[at] === 1) pixels[count++] = at;
  return pixels.subarray(0, count);
}

/** Casts rays for one model; pixels on outlines are sampled four more times, against jagged edges. */
export function createRaycaster(mujoco: Mujoco, model: MjModel): Raycaster {
  const colours = shapeColours(model);
  const hitShapes = new mujoco.IntBuffer(batch);
  const hitDistances = new mujoco.DoubleBuffer(batch);
  const hitNormals = new mujoco.DoubleBuffer(3 * batch);
  const directions = new Float64Array(3 * batch);
  const centres = new Map<string, Float64Array>();

  /** Casts `points` [count, 2] in image coordinates; writes RGB in 0…255 and the shapes hit. */
  function cast(
    data: MjData,
    camera: number,
    points: Float64Array,
    size: { width: number; height: number },
    rgb: Float32Array,
    shapes: Int32Array,
  ) {
    const eye = Array.from((data.cam_xpos as Float64Array).subarray(3 * camera, 3 * camera + 3));
    const [xx, yx, zx, xy, yy, zy, xz, yz, zz] = (data.cam_xmat as Float64Array).subarray(
      9 * camera,
      9 * camera + 9,
    );
    const fovy = (model.cam_fovy as Float64Array)[camera];
    const scale = (2 * Math.tan((fovy * Math.PI) / 360)) / size.height;
    const count = shapes.length;
    for (let start = 0; start < count; start += batch) {
      const used = Math.min(batch, count - start);
      for (let ray = 0; ray < used; ray++) {
        const u = (points[2 * (start + ray)] - size.width / 2) * scale;
        const v = (size.height / 2 - points[2 * (start + ray) + 1]) * scale;
        const shrink = 1 / Math.sqrt(u * u + v * v + 1);
        directions[3 * ray] = (u * xx + v * yx - zx) * shrink;
        directions[3 * ray + 1] = (u * xy + v * yy - zy) * shrink;
        directions[3 * ray + 2] = (u * xz + v * yz - zz) * shrink;
      }
      mujoco.mj_multiRay(
        model,
        data,
        eye,
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
      const hit = hitShapes.GetView() as Int32Array;
      const normal = hitNormals.GetView() as Float64Array;
      for (let ray = 0; ray < used; ray++) {
        const shape = hit[ray];
        const at = 3 * (start + ray);
        shapes[start + ray] = shape;
        if (shape < 0) {
          const [red, green, blue] = surroundings(directions[3 * ray + 2]);
          rgb[at] = 255 * red;
          rgb[at + 1] = 255 * green;
          rgb[at + 2] = 255 * blue;
        } else {
          const light = 255 * brightness(normal[3 * ray], normal[3 * ray + 1], normal[3 * ray + 2]);
          rgb[at] = light * colours[3 * shape];
          rgb[at + 1] = light * colours[3 * shape + 1];
          rgb[at + 2] = light * colours[3 * shape + 2];
        }
      }
    }
  }

  /** Replaces the outlines' colours by the mean of their samples. */
  function smoothOutlines(
    data: MjData,
    camera: number,
    size: { width: number; height: number },
    rgb: Float32Array,
    shapes: Int32Array,
  ) {
    const outline = outlinePixels(shapes, size.width, size.height);
    const points = new Float64Array(2 * perPixel * outline.length);
    outline.forEach((pixel, index) => {
      for (let axis = 0; axis < 2 * perPixel; axis++) {
        const centre = axis % 2 === 0 ? pixel % size.width : Math.floor(pixel / size.width);
        points[2 * perPixel * index + axis] = centre + 0.5 + outlineSamples[axis];
      }
    });
    const samples = new Float32Array(3 * perPixel * outline.length);
    cast(data, camera, points, size, samples, new Int32Array(perPixel * outline.length));
    for (let index = 0; index < outline.length; index++) {
      for (let channel = 0; channel < 3; channel++) {
        let sum = 0;
        for (let sample = 0; sample < perPixel; sample++)
          sum += samples[3 * (perPixel * index + sample) + channel];
        rgb[3 * outline[index] + channel] = sum / perPixel;
      }
    }
  }

  return {
    render(data, camera, width, height) {
      const size = { width, height };
      const key = `${width}x${height}`;
      const points = centres.get(key) ?? pixelCentres(width, height);
      centres.set(key, points);
      const rgb = new Float32Array(3 * width * height);
      const shapes = new Int32Array(width * height);
      cast(data, camera, points, size, rgb, shapes);
      smoothOutlines(data, camera, size, rgb, shapes);
      return new Uint8Array(new Uint8ClampedArray(rgb).buffer);
    },
    close() {
      for (const buffer of [hitShapes, hitDistances, hitNormals]) buffer.delete();
    },
  };
}
