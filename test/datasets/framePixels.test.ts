import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VideoFrame } from '@napi-rs/webcodecs';
import { rgbOf } from '../../src/datasets/framePixels.ts';

const width = 6;
const height = 4;

/** A frame of one colour, given by its levels. */
function frameOf(levels: readonly number[], matrix?: 'bt709' | 'bt2020-ncl', fullRange = false) {
  const colours = (width / 2) * (height / 2);
  const [y, cb, cr] = levels;
  const planes = Uint8Array.from({ length: width * height + 2 * colours }, (_, i) =>
    i < width * height ? y : i < width * height + colours ? cb : cr,
  );
  return new VideoFrame(planes, {
    ...{ format: 'I420', codedWidth: width, codedHeight: height, timestamp: 0 },
    colorSpace: { matrix, fullRange },
  });
}

async function colourOf(frame: VideoFrame) {
  const rgb = await rgbOf(frame, { width, height });
  frame.close();
  assert.equal(rgb.length, width * height * 3);
  const [first] = Array.from({ length: width * height }, (_, i) => [
    ...rgb.subarray(3 * i, 3 * i + 3),
  ]);
  assert.deepEqual([...rgb], Array.from({ length: width * height }, () => first).flat());
  return first;
}

// What FFmpeg makes of these levels (PyAV 18.1), where it rounds to within a level.
const COLOURS = [
  { of: 'no colour space', frame: () => frameOf([81, 90, 240]), rgb: [255, 0, 0] },
  { of: 'BT.709', frame: () => frameOf([63, 102, 240], 'bt709'), rgb: [255, 0, 0] },
  { of: 'BT.709, a mixture', frame: () => frameOf([117, 96, 174], 'bt709'), rgb: [200, 100, 50] },
  {
    of: 'BT.709, full range',
    frame: () => frameOf([54, 99, 255], 'bt709', true),
    rgb: [255, 0, 0],
  },
  {
    of: 'BT.601, full range',
    frame: () => frameOf([124, 85, 181], undefined, true),
    rgb: [200, 100, 50],
  },
];

for (const { of, frame, rgb } of COLOURS)
  test(`a frame's colour is right: ${of}`, async () => {
    const found = await colourOf(frame());
    const off = Math.max(...found.map((level, i) => Math.abs(level - rgb[i])));
    assert.ok(off <= 3, `${found.join(' ')} instead of ${rgb.join(' ')}`);
  });

test('each pixel has its own light and the colour of its square', async () => {
  const planes = new Uint8Array(width * height * 1.5).fill(128);
  for (let i = 0; i < width * height; i++) planes[i] = 10 * i;
  planes[width * height + 1] = 200;
  const frame = new VideoFrame(planes, {
    ...{ format: 'I420', codedWidth: width, codedHeight: height, timestamp: 0 },
    colorSpace: { matrix: 'bt709', fullRange: true },
  });
  const rgb = await rgbOf(frame, { width, height });
  frame.close();
  const coloured = [2, 3, 8, 9];
  for (let i = 0; i < width * height; i++) {
    const [red, green, blue] = rgb.subarray(3 * i, 3 * i + 3);
    assert.equal(red, 10 * i);
    assert.equal(green < red, coloured.includes(i) && i > 0);
    assert.equal(blue > red, coloured.includes(i));
  }
});
