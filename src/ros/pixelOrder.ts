import { newestBytes, openImageMemory } from '../images/scaling.ts';
import * as wasm from '../images/wasm.ts';

/** Bytes of a pixel and where its red, green and blue lie. */
export interface PixelLayout {
  bytes: number;
  rgb: readonly [number, number, number];
}

/** Rows of pixels, `step` bytes from one to the next. */
export interface PixelRows {
  data: Uint8Array;
  step: number;
  width: number;
  height: number;
}

/** Pixels that are taken at a time: those of a vector, which has 16 bytes. */
const GROUP = 4;

/** row(from, to, groups): puts the colours of four pixels at a time in order; what it writes beyond is written over. */
const rowCode = ({ bytes, rgb }: PixelLayout) =>
  wasm.func(3, (_, from, to, groups) => {
    const colours = Array.from({ length: GROUP }, (_, pixel) => rgb.map((c) => pixel * bytes + c));
    const order = wasm.v128([...colours.flat(), 0, 0, 0, 0]);
    return wasm.repeat(groups, [
      ...wasm.store128(0, to.get, wasm.swizzle(wasm.load128(0, from.get), order)),
      ...from.set(wasm.add(from.get, wasm.i32(GROUP * bytes))),
      ...to.set(wasm.add(to.get, wasm.i32(GROUP * 3))),
    ]);
  });

function openConverter(layout: PixelLayout): (rows: PixelRows) => Uint8Array {
  const memory = openImageMemory();
  const [given, made] = [newestBytes(memory), newestBytes(memory)];
  const bytes = wasm.moduleBytes({ row: rowCode(layout) });
  const { row } = wasm.instantiate(bytes, memory);
  return ({ data, step, width, height }) => {
    const from = given(step * height);
    from.set(data.subarray(0, step * height));
    const to = made(width * height * 3);
    for (let y = 0; y < height; y++)
      row(from.byteOffset + y * step, to.byteOffset + y * width * 3, Math.ceil(width / GROUP));
    return new Uint8Array(to);
  };
}

const converters = new Map<PixelLayout, (rows: PixelRows) => Uint8Array>();

/** RGB8 [height, width, 3] of pixels in another layout, as new bytes. */
export function toRgb(rows: PixelRows, layout: PixelLayout): Uint8Array {
  const convert = converters.get(layout) ?? openConverter(layout);
  converters.set(layout, convert);
  return convert(rows);
}
