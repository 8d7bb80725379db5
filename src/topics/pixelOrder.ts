/** Bytes of a pixel and where its red, green and blue are. */
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

/** RGB8 [height, width, 3] of pixels in another layout, as new bytes. */
export function toRgb({ data, step, width, height }: PixelRows, layout: PixelLayout): Uint8Array {
  const { bytes, rgb } = layout;
  const [red, green, blue] = rgb;
  const made = new Uint8Array(width * height * 3);
  let to = 0;
  for (let y = 0; y < height; y++) {
    const end = y * step + width * bytes;
    for (let from = y * step; from < end; from += bytes) {
      made[to++] = data[from + red];
      made[to++] = data[from + green];
      made[to++] = data[from + blue];
    }
  }
  return made;
}
