import { appearanceOf } from './appearance.ts';
import type { MjData, MjModel, Mujoco } from './mujoco.ts';
import { createMujocoRays } from './mujocoRays.ts';
import { createPrimitiveRays } from './primitiveRays.ts';
import type { Hits, Rays } from './rays.ts';
import { brightness, surroundings } from './shading.ts';

/** Renders a model's cameras by ray casting, without GPU or display. */
export interface Raycaster {
  /**
   * RGB8 [height, width, 3] of a camera in the scene that `data` holds; the positions of shapes and
   * cameras must be up to date there.
   */
  render(data: MjData, camera: number, width: number, height: number): Uint8Array;
  close(): void;
}

interface Grid {
  /** Pixels. */
  width: number;
  height: number;
  /** Slope of a ray from one pixel to the next. */
  scale: number;
}

/** Offsets at which a pixel on a shape's outline is sampled again, in pixels from its centre. */
const outlineSamples = Float64Array.of(-0.25, -0.25, 0.25, -0.25, -0.25, 0.25, 0.25, 0.25);

const centre = new Float64Array(2);

const perPixel = outlineSamples.length / 2;

function allPixels(count: number): Int32Array {
  const pixels = new Int32Array(count);
  for (let at = 0; at < count; at++) pixels[at] = at;
  return pixels;
}

/** Pixels on outlines: those whose right or lower neighbour shows another shape, and these neighbours. */
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

/** RGB (0 to 255) of what the rays of a camera with these axes have hit. */
function colour(hits: Hits, rays: Rays, axes: ArrayLike<number>, colours: Float32Array) {
  const { shapes, normals } = hits;
  const rgb = new Float32Array(3 * shapes.length);
  for (let ray = 0; ray < shapes.length; ray++) {
    const at = 3 * ray;
    const shape = shapes[ray];
    if (shape >= 0) {
      const light = 255 * brightness(normals[at], normals[at + 1], normals[at + 2]);
      for (let channel = 0; channel < 3; channel++)
        rgb[at + channel] = light * colours[3 * shape + channel];
    } else {
      const u = rays.u[ray];
      const v = rays.v[ray];
      const rise = (u * axes[6] + v * axes[7] - axes[8]) / Math.sqrt(u * u + v * v + 1);
      for (let channel = 0; channel < 3; channel++)
        rgb[at + channel] = 255 * surroundings(rise, channel);
    }
  }
  return rgb;
}

/** Rays through a grid's pixels, `samples` [x, y, …] (in pixels from the centre) of each. */
function raysThrough(pixels: Int32Array, samples: Float64Array, grid: Grid): Rays {
  const each = samples.length / 2;
  const u = new Float64Array(each * pixels.length);
  const v = new Float64Array(each * pixels.length);
  for (let index = 0; index < pixels.length; index++) {
    const x = (pixels[index] % grid.width) + 0.5 - grid.width / 2;
    const y = grid.height / 2 - 0.5 - Math.floor(pixels[index] / grid.width);
    for (let sample = 0; sample < each; sample++) {
      u[each * index + sample] = (x + samples[2 * sample]) * grid.scale;
      v[each * index + sample] = (y - samples[2 * sample + 1]) * grid.scale;
    }
  }
  return { u, v };
}

/**
 * Creates a ray caster for one model that draws the shapes of `drawnGroups`, by default MuJoCo's. Pixels on outlines get
 * four more samples: anti-aliasing lets a small image show an object's position to a fraction of a pixel.
 */
export function createRaycaster(
  mujoco: Mujoco,
  model: MjModel,
  drawnGroups?: readonly number[],
): Raycaster {
  const appearance = appearanceOf(model, drawnGroups);
  const { colours, visible } = appearance;
  const primitives = createPrimitiveRays(mujoco, model, appearance);
  const others = visible.flatMap((seen, shape) =>
    seen && !primitives.casts(shape) ? [shape] : [],
  );
  const mujocoRays = others.length > 0 ? createMujocoRays(mujoco, model, others) : undefined;
  return {
    render(data, camera, width, height) {
      const axes = (data.cam_xmat as Float64Array).slice(9 * camera, 9 * camera + 9);
      const eye = (data.cam_xpos as Float64Array).slice(3 * camera, 3 * camera + 3);
      const fovy = (model.cam_fovy as Float64Array)[camera];
      const grid = { width, height, scale: (2 * Math.tan((fovy * Math.PI) / 360)) / height };
      const sample = (pixels: Int32Array, samples: Float64Array) => {
        const rays = raysThrough(pixels, samples, grid);
        const hits = primitives.cast(data, { eye, axes }, rays);
        mujocoRays?.addTo(hits, data, { eye, axes }, rays);
        return { hits, rgb: colour(hits, rays, axes, colours) };
      };
      const { hits, rgb } = sample(allPixels(width * height), centre);
      const outline = outlinePixels(hits.shapes, width, height);
      const finer = sample(outline, outlineSamples).rgb;
      for (let index = 0; index < outline.length; index++) {
        for (let channel = 0; channel < 3; channel++) {
          let sum = 0;
          for (let at = 0; at < perPixel; at++) sum += finer[3 * (perPixel * index + at) + channel];
          rgb[3 * outline[index] + channel] = sum / perPixel;
        }
      }
      return new Uint8Array(new Uint8ClampedArray(rgb).buffer);
    },
    close: () => {
      mujocoRays?.close();
    },
  };
}
