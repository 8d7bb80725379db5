import type { TensorData } from './dtype.ts';
import type { Arrangement } from './safetensorsHeader.ts';

/** Elements that lie as an arrangement says, in the order of its `order`. */
export function arranged(data: TensorData, { shape, order }: Arrangement): TensorData {
  const strides = shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));
  const sizes = order.map((axis) => shape[axis]);
  const steps = order.map((axis) => strides[axis]);
  const result = data.slice();
  const at = sizes.map(() => 0);
  const last = sizes.length - 1;
  let from = 0;
  for (let to = 0; to < result.length;) {
    for (let i = 0; i < sizes[last]; i++) result[to++] = data[from + i * steps[last]];
    for (let axis = last - 1; axis >= 0; axis--) {
      from += steps[axis];
      if (++at[axis] < sizes[axis]) break;
      from -= steps[axis] * sizes[axis];
      at[axis] = 0;
    }
  }
  return result;
}
