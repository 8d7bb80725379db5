/** Renders a picture as lines of half-block characters in 24-bit colour, each with two pixels. */
export function halfBlocks(
  pixels: Uint8Array,
  { width, height }: { width: number; height: number },
): string[] {
  const colour = (x: number, y: number) =>
    pixels.subarray((y * width + x) * 3, (y * width + x) * 3 + 3).join(';');
  return Array.from({ length: Math.floor(height / 2) }, (_, row) => {
    const cells = Array.from(
      { length: width },
      (_, x) => `\u001b[38;2;${colour(x, 2 * row)};48;2;${colour(x, 2 * row + 1)}m▀`,
    );
    return `${cells.join('')}\u001b[0m`;
  });
}
