/** 95 % */
const Z = 1.959964;

/** Wilson's interval of a success rate, 95 %. */
export function wilson(successes: number, attempts: number): [number, number] {
  if (attempts === 0) return [0, 1];
  const share = successes / attempts;
  const z2 = (Z * Z) / attempts;
  const middle = (share + z2 / 2) / (1 + z2);
  const half = (Z * Math.sqrt((share * (1 - share)) / attempts + z2 / (4 * attempts))) / (1 + z2);
  return [Math.max(0, middle - half), Math.min(1, middle + half)];
}
