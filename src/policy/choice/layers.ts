import type { Parameter } from '../trainable.ts';

/** Parameters of `count` networks of these widths: NAME.i.weight [count, in, out], NAME.i.bias [count, 1, out]. */
export const layerParameters = (
  name: string,
  count: number,
  widths: readonly number[],
): Parameter[] =>
  widths.slice(1).flatMap((out, i) => [
    { name: `${name}.${i}.weight`, shape: [count, widths[i], out] },
    { name: `${name}.${i}.bias`, shape: [count, 1, out] },
  ]);
