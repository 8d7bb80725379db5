import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { augmentationGraph, drawAugmentation } from '../../src/learning/imitation/augmentation.ts';
import { Tensor } from '../../src/session/session.ts';
import { uniformNumbers } from '../../src/tensors/noise.ts';
import { runGraph } from '../onnx/run.ts';

const SIDE = 20;
const IDENTITY = [1, 0, 0, 0, 1, 0];

/** One image through the augmentation. */
async function augment(pixels: Uint8Array, affine: number[], colour: number[]) {
  const { augmented } = await runGraph(augmentationGraph(SIDE), {
    images: new Tensor('uint8', pixels, [1, SIDE, SIDE, 3]),
    affine: new Tensor('float32', Float32Array.from(affine), [1, 2, 3]),
    colour: new Tensor('float32', Float32Array.from(colour), [1, 3]),
  });
  return augmented.data as Uint8Array;
}

const draw = uniformNumbers(4);
const picture = Uint8Array.from({ length: SIDE * SIDE * 3 }, () => Math.floor(256 * draw()));

/** Sum of absolute differences of a colour from black, weighed by place. */
function centre(pixels: Uint8Array) {
  let [sum, x, y] = [0, 0, 0];
  for (let i = 0; i < SIDE * SIDE; i++) {
    sum += pixels[3 * i];
    x += pixels[3 * i] * ((i % SIDE) + 0.5);
    y += pixels[3 * i] * (Math.floor(i / SIDE) + 0.5);
  }
  return { x: x / sum, y: y / sum };
}

describe('image augmentation', () => {
  it('without a warp or a change of colour gives back the very image', async () => {
    assert.deepEqual(await augment(picture, IDENTITY, [1, 1, 1]), picture);
  });

  it('changes brightness, contrast about the mean, and saturation about the grey', async () => {
    const flat = new Uint8Array(SIDE * SIDE * 3).fill(100);
    assert.ok((await augment(flat, IDENTITY, [1.2, 1, 1])).every((value) => value === 120));
    assert.ok((await augment(flat, IDENTITY, [1, 0.6, 1])).every((value) => value === 100));
    const grey = await augment(picture, IDENTITY, [1, 1, 0]);
    for (let i = 0; i < grey.length; i += 3) {
      assert.ok(grey[i] === grey[i + 1] && grey[i] === grey[i + 2]);
      const [red, green, blue] = picture.subarray(i, i + 3);
      assert.ok(Math.abs(grey[i] - (0.299 * red + 0.587 * green + 0.114 * blue)) <= 0.51);
    }
  });

  it('turns about the middle: a dot moves along its circle', async () => {
    const dot = new Uint8Array(SIDE * SIDE * 3);
    dot.fill(255, (10 * SIDE + 15) * 3, (10 * SIDE + 16) * 3);
    const angle = 0.5;
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    const turned = centre(await augment(dot, [c, -s, 0, s, c, 0], [1, 1, 1]));
    const [dx, dy] = [15.5 - SIDE / 2, 10.5 - SIDE / 2];
    assert.ok(Math.abs(turned.x - (SIDE / 2 + c * dx + s * dy)) < 0.3);
    assert.ok(Math.abs(turned.y - (SIDE / 2 - s * dx + c * dy)) < 0.3);
  });

  it("is drawn within openpi's bounds, wrist cameras neither cropped nor turned", () => {
    const cameras = [
      { name: 'wrist_of_the_table', mount: 'fixed' } as const,
      { name: 'gripper_eye', mount: 'wrist' } as const,
    ];
    const { affine, colour } = drawAugmentation(cameras, 200, uniformNumbers(1));
    const [warps, colours] = [affine, colour].map(({ data }) => data as Float32Array);
    for (let image = 0; image < 400; image++) {
      const own = warps.subarray(6 * image, 6 * image + 6);
      const [a, , x, c, , y] = own;
      if (image % 2 === 1) own.forEach((value, i) => assert.ok(value === IDENTITY[i]));
      else {
        assert.ok(Math.abs(Math.hypot(a, c) - 0.95) < 1e-6);
        assert.ok(Math.abs(Math.atan2(c, a)) <= (5 * Math.PI) / 180 + 1e-6);
        assert.ok(Math.abs(x) <= 0.05001 && Math.abs(y) <= 0.05001);
      }
      const factors = colours.subarray(3 * image, 3 * image + 3);
      [0.3, 0.4, 0.5].forEach((reach, i) => assert.ok(Math.abs(factors[i] - 1) <= reach + 1e-6));
    }
  });
});
