/** Draws a picture as large as it fits, in the middle. Returns where. */
export function drawPicture(
  context: CanvasRenderingContext2D,
  bitmap: ImageBitmap,
  width: number,
  height: number,
) {
  const scale = Math.min(width / bitmap.width, height / bitmap.height);
  const [columns, rows] = [scale * bitmap.width, scale * bitmap.height];
  const [x, y] = [(width - columns) / 2, (height - rows) / 2];
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, x, y, columns, rows);
  return { x, y, columns, rows };
}
