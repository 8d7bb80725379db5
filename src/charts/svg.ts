/** A line of text at a point of a picture. */
export const text = (x: number, y: number, content: string, attributes = '') =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${content}</text>`;

/** A picture of `content` on white. */
export const picture = (
  width: number,
  height: number,
  fontSize: number,
  content: readonly string[],
): string =>
  [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="${fontSize}">`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    ...content,
    '</svg>\n',
  ].join('\n');
