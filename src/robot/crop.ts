/** A part of an image, pixels of the image as it arrives. */
export interface Crop {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Whether an image of this size has room for a crop. */
export const cropFits = (crop: Crop, { width, height }: { width: number; height: number }) =>
  crop.x + crop.width <= width && crop.y + crop.height <= height;

/** Whether two crops have pixels in common. */
export const overlap = (a: Crop, b: Crop): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
