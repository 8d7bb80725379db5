import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CdrWriter } from '@foxglove/cdr';
import sharp from 'sharp';
import type { CalibratedCamera } from '../../src/robot/calibration.ts';
import { frameOf } from '../../src/topics/images.ts';
import { assertRejectsAbout, assertThrowsAbout } from '../refusals.ts';
import { CAMERA, type Image, message } from './imageMessage.ts';

const bytes = (count: number) => Uint8Array.from({ length: count }, (_, i) => (i * 7) % 256);

describe("a camera's frame", () => {
  it('has the stamp, size and pixels of its message', async () => {
    const data = bytes(24);
    const frame = frameOf(message({ data }), CAMERA);
    assert.equal(frame.stamp, 12_000_000_345n);
    assert.deepEqual([frame.camera, frame.width, frame.height], ['cam_high', 4, 2]);
    assert.deepEqual(await frame.pixels(), data);
    assert.equal(await frame.pixels(), await frame.pixels(), 'decoded once');
  });

  it('is red, green, blue whatever the encoding, and without the padding of rows', async () => {
    const rgb = bytes(24);
    const packed = (encoding: string, order: number[], padding = 0) => {
      const row = 4 * order.length + padding;
      const data = new Uint8Array(row * 2).fill(99);
      for (let i = 0; i < 8; i++)
        order.forEach((channel, c) => {
          const at = Math.floor(i / 4) * row + (i % 4) * order.length + c;
          data[at] = channel < 3 ? rgb[i * 3 + channel] : 255;
        });
      return message({ encoding, step: row, data });
    };
    for (const image of [
      packed('rgb8', [0, 1, 2], 4),
      packed('bgr8', [2, 1, 0]),
      packed('rgba8', [0, 1, 2, 3]),
      packed('bgra8', [2, 1, 0, 3], 8),
    ])
      assert.deepEqual(await frameOf(image, CAMERA).pixels(), rgb);
    const grey = await frameOf(message({ encoding: 'mono8', data: bytes(8) }), CAMERA).pixels();
    assert.deepEqual([...grey.subarray(3, 6)], [7, 7, 7]);
  });

  it('is cropped, then turned, as the calibration says', async () => {
    const turned: CalibratedCamera = {
      ...CAMERA,
      crop: { x: 1, y: 0, width: 2, height: 2 },
      rotate: 90,
    };
    const red = Uint8Array.from({ length: 24 }, (_, i) => (i % 3 === 0 ? i / 3 : 0));
    const frame = frameOf(message({ data: red }), turned);
    const pixels = await frame.pixels();
    assert.deepEqual([frame.width, frame.height], [2, 2]);
    assert.deepEqual(
      [0, 3, 6, 9].map((at) => pixels[at]),
      [5, 1, 6, 2],
    );
  });

  it('comes from a compressed image as well', async () => {
    const raw = { width: 4, height: 2, channels: 3 as const };
    const png = await sharp(bytes(24), { raw }).png().toBuffer();
    const writer = new CdrWriter();
    writer.int32(1).uint32(2).string('cam').string('png').uint8Array(png, true);
    const frame = frameOf(writer.data, { ...CAMERA, transport: 'compressed' });
    assert.deepEqual(new Uint8Array(await frame.pixels()), bytes(24));
    const other = frameOf(writer.data, { ...CAMERA, transport: 'compressed', width: 8 });
    await assertRejectsAbout(other.pixels(), {
      ...{ kind: 'invalid', subject: 'cam_high', names: ['4×2', '8×2'] },
    });
  });

  it('is decoded only when somebody asks', async () => {
    const size = { width: 640, height: 480 };
    const blue = message({ ...size, encoding: 'bgr8', data: new Uint8Array(640 * 480 * 3) });
    const before = process.memoryUsage().arrayBuffers;
    const frames = Array.from({ length: 1000 }, () => frameOf(blue, { ...CAMERA, ...size }));
    const grown = process.memoryUsage().arrayBuffers - before;
    assert.ok(grown < 640 * 480, `1000 frames took ${grown} bytes`);
    assert.equal((await frames[0].pixels()).length, 640 * 480 * 3);

    const writer = new CdrWriter();
    writer.int32(1).uint32(2).string('cam').string('jpeg').uint8Array(bytes(100), true);
    const broken = frameOf(writer.data, { ...CAMERA, transport: 'compressed' });
    await assertRejectsAbout(broken.pixels(), {
      ...{ kind: 'invalid', subject: 'cam_high', names: ['100 bytes', 'jpeg'] },
    });
  });

  it('is refused, with what is wrong, where the image is not what the calibration says', () => {
    const data = bytes(24);
    const cases: [Image, ...string[]][] = [
      [{ data, width: 8, height: 1 }, '8×1', '4×2'],
      [{ data, encoding: 'yuv422' }, 'yuv422', 'rgb8, bgr8'],
      [{ data, step: 6 }, '24 bytes', 'rows of 6', 'rgb8', '4×2'],
      [{ data, step: 0 }, '24 bytes', 'rows of 0', 'rgb8', '4×2'],
      [{ data: bytes(20), step: 12 }, '20 bytes', 'rows of 12', 'rgb8'],
    ];
    for (const [image, ...names] of cases)
      assertThrowsAbout(() => frameOf(message(image), CAMERA), {
        ...{ kind: 'invalid', subject: 'cam_high', names },
      });
  });
});
