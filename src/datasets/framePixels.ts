import type { VideoColorSpaceInit, VideoFrame } from '@napi-rs/webcodecs';
import type { Camera } from '../robot/embodiment.ts';

type Size = Pick<Camera, 'width' | 'height'>;

/** Share of red and of blue in luma, where they are not BT.601's (ITU-R BT.709, BT.2020). */
const LUMA: Readonly<Record<string, readonly [red: number, blue: number]>> = {
  bt709: [0.2126, 0.0722],
  'bt2020-ncl': [0.2627, 0.0593],
};
const BT601 = [0.299, 0.114] as const;

/** How many pixels share a sample of colour, across and down, in formats of three planes of bytes. */
const SHARED: Readonly<Record<string, readonly [across: number, down: number]>> = {
  I420: [2, 2],
  I422: [2, 1],
  I444: [1, 1],
};

/** What each level adds to a colour: the luma, then Cr to red, Cr and Cb to green, Cb to blue. */
function tablesOf({ matrix, fullRange }: VideoColorSpaceInit) {
  const [red, blue] = LUMA[matrix ?? ''] ?? BT601;
  const green = 1 - red - blue;
  const [black, lumaSpan, colourSpan] = fullRange ? [0, 255, 255] : [16, 219, 224];
  const table = (zero: number, gain: number) =>
    Float32Array.from({ length: 256 }, (_, level) => (level - zero) * gain);
  const colour = (gain: number) => table(128, (2 * gain * 255) / colourSpan);
  return {
    luma: table(black, 255 / lumaSpan),
    redOfCr: colour(1 - red),
    greenOfCr: colour((-red * (1 - red)) / green),
    greenOfCb: colour((-blue * (1 - blue)) / green),
    blueOfCb: colour(1 - blue),
  };
}

/** Converts three planes, each pixel with the sample of colour that it shares. */
async function converted(
  frame: VideoFrame,
  { width, height }: Size,
  [across, down]: readonly [number, number],
): Promise<Uint8Array> {
  const planes = new Uint8Array(frame.allocationSize());
  const [y, cb, cr] = await frame.copyTo(planes);
  const { luma, redOfCr, greenOfCr, greenOfCb, blueOfCb } = tablesOf(frame.colorSpace);
  const rgb = new Uint8ClampedArray(width * height * 3);
  for (let row = 0, to = 0; row < height; row++) {
    const line = y.offset + row * y.stride;
    const shared = Math.floor(row / down);
    const blues = cb.offset + shared * cb.stride;
    const reds = cr.offset + shared * cr.stride;
    for (let column = 0; column < width; column++, to += 3) {
      const sample = Math.floor(column / across);
      const light = luma[planes[line + column]];
      const b = planes[blues + sample];
      const r = planes[reds + sample];
      rgb[to] = light + redOfCr[r];
      rgb[to + 1] = light + greenOfCr[r] + greenOfCb[b];
      rgb[to + 2] = light + blueOfCb[b];
    }
  }
  return new Uint8Array(rgb.buffer);
}

/** Converts by BT.601 in limited range: the codecs' own conversion, whatever the frame's colour space says. */
async function convertedByCodecs(frame: VideoFrame, { width, height }: Size): Promise<Uint8Array> {
  const rgba = new Uint8Array(width * height * 4);
  await frame.copyTo(rgba, { format: 'RGBA' });
  const rgb = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < rgb.length; from += 4, to += 3) {
    rgb[to] = rgba[from];
    rgb[to + 1] = rgba[from + 1];
    rgb[to + 2] = rgba[from + 2];
  }
  return rgb;
}

/** A frame's pixels, RGB8, by the frame's colour space; by BT.601 in limited range where it names none. */
export function rgbOf(frame: VideoFrame, size: Size): Promise<Uint8Array> {
  const { matrix, fullRange } = frame.colorSpace;
  const shared = SHARED[frame.format ?? ''];
  const isOwn = (matrix ?? '') in LUMA || fullRange === true;
  return isOwn && shared ? converted(frame, size, shared) : convertedByCodecs(frame, size);
}
