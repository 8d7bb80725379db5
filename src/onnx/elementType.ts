import type { TypedData } from './graph.ts';

/** Element types by their ONNX Runtime names. */
export type ElementType =
  'float32' | 'float64' | 'float16' | 'bfloat16' | 'int64' | 'int32' | 'uint8' | 'bool';

/** `TensorProto.DataType` and bytes an element. */
export const ELEMENT_TYPES: Record<ElementType, { code: number; bytes: number }> = {
  float32: { code: 1, bytes: 4 },
  uint8: { code: 2, bytes: 1 },
  int32: { code: 6, bytes: 4 },
  int64: { code: 7, bytes: 8 },
  bool: { code: 9, bytes: 1 },
  float16: { code: 10, bytes: 2 },
  float64: { code: 11, bytes: 8 },
  bfloat16: { code: 16, bytes: 2 },
};

export const FLOATS: readonly ElementType[] = ['float32', 'float64', 'float16', 'bfloat16'];

/** Little-endian bytes of numbers as elements of `type`. */
export function encodeElements(type: ElementType, values: readonly number[]): TypedData {
  switch (type) {
    case 'float32':
      return new Float32Array(values);
    case 'float64':
      return new Float64Array(values);
    case 'int32':
      return new Int32Array(values);
    case 'int64':
      return new BigInt64Array(values.map((value) => BigInt(value)));
    case 'uint8':
    case 'bool':
      return new Uint8Array(values);
    default:
      throw new Error(`constants of ${type} are not supported: make a float32 one and cast it`);
  }
}
