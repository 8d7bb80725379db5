/** The orthonormal type-II discrete cosine transform of `count` numbers: [frequency, time]. */
function basis(count: number): Float64Array {
  const matrix = new Float64Array(count * count);
  for (let k = 0; k < count; k++) {
    const scale = Math.sqrt((k === 0 ? 1 : 2) / count);
    for (let t = 0; t < count; t++)
      matrix[k * count + t] = scale * Math.cos((Math.PI * (2 * t + 1) * k) / (2 * count));
  }
  return matrix;
}

/** `basis`, or its transpose, times columns [count, width]. */
function transformed(rows: ArrayLike<number>, width: number, isInverse: boolean): Float64Array {
  const count = rows.length / width;
  const matrix = basis(count);
  const result = new Float64Array(rows.length);
  for (let i = 0; i < count; i++)
    for (let j = 0; j < count; j++) {
      const factor = isInverse ? matrix[j * count + i] : matrix[i * count + j];
      for (let d = 0; d < width; d++) result[i * width + d] += factor * rows[j * width + d];
    }
  return result;
}

/** [time, width] → [frequency, width], each column by itself. */
export const cosineTransform = (rows: ArrayLike<number>, width: number): Float64Array =>
  transformed(rows, width, false);

/** [frequency, width] → [time, width]. */
export const inverseCosineTransform = (rows: ArrayLike<number>, width: number): Float64Array =>
  transformed(rows, width, true);
