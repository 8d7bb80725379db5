import { elementCount } from '../../onnx/dim.ts';
import { Tensor } from '../../session/session.ts';
import type { Adapter } from '../../policy/bundle/adapter.ts';
import { type Parameter, parameterCount } from '../../policy/trainable.ts';

/** Tensors that share one flat vector [parameters], in their order. */
export function tensorsIn(
  flat: Float32Array,
  parameters: readonly Parameter[],
): Map<string, Tensor> {
  let offset = 0;
  const tensors = new Map<string, Tensor>();
  for (const { name, shape } of parameters) {
    const end = offset + (elementCount(shape) as number);
    tensors.set(name, new Tensor('float32', flat.subarray(offset, end), shape));
    offset = end;
  }
  return tensors;
}

/** The weights of a graph as its inputs: parameters of a flat vector, and those that do not learn. */
export const weightInputs = (
  flat: Float32Array,
  parameters: readonly Parameter[],
  frozen: Record<string, Tensor>,
): Record<string, Tensor> => ({ ...frozen, ...Object.fromEntries(tensorsIn(flat, parameters)) });

/** The same tensors as an adapter holds them. */
export const adapterParameters = (
  flat: Float32Array,
  parameters: readonly Parameter[],
): Adapter['parameters'] =>
  new Map(
    [...tensorsIn(flat, parameters)].map(([name, { dims, data }]) => [
      name,
      { shape: dims, data: data as Float32Array },
    ]),
  );

/** Overwrites those tensors of a flat vector that are given, by name; the others stay. */
export function overwrite(
  flat: Float32Array,
  parameters: readonly Parameter[],
  given: ReadonlyMap<string, { data: Float32Array }>,
): void {
  for (const [name, { data }] of tensorsIn(flat, parameters))
    (data as Float32Array).set(given.get(name)?.data ?? []);
}

/** A flat vector of each parameter's elements. */
export function flatten(
  parameters: readonly Parameter[],
  elements: (parameter: Parameter, index: number) => Float32Array,
): Float32Array {
  const flat = new Float32Array(parameterCount(parameters));
  const views = [...tensorsIn(flat, parameters).values()];
  parameters.forEach((parameter, i) => {
    (views[i].data as Float32Array).set(elements(parameter, i));
  });
  return flat;
}
