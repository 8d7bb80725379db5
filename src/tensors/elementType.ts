/** Elements of a tensor, by their type. */
export type TypedData = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;

/** Element types by their ONNX Runtime names. */
export type ElementType =
  'float32' | 'float64' | 'float16' | 'bfloat16' | 'int64' | 'int32' | 'int8' | 'uint8' | 'bool';

/** `TensorProto.DataType`. */
export const ELEMENT_CODES: Record<ElementType, number> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  bfloat16: 16,
};

export const FLOATS: readonly ElementType[] = ['float32', 'float64', 'float16', 'bfloat16'];

/** Numbers as an array of the given element type. */
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
