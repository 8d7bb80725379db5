import { InferenceSession, Tensor } from 'onnxruntime-node';
import { Graph } from '../onnx/graph.ts';
import { encodeModel } from '../onnx/modelFile.ts';
import { packedLinear } from '../onnx/products.ts';

/** Products of two bytes of this size, added in pairs, are too large for 16 bits. */
const LARGEST = 127;
const FEATURES = 64;

async function multipliesWrongly(): Promise<boolean> {
  const graph = new Graph('integers');
  const shape = [1, FEATURES] as const;
  const x = graph.input('x', 'float32', shape);
  const weight = {
    shape,
    integers: graph.input('integers', 'int8', [FEATURES, 1]),
    scales: graph.constant('float32', [1]),
  };
  graph.output('y', packedLinear(x, weight));
  const session = await InferenceSession.create(encodeModel(graph), {
    ...{ executionProviders: ['cpu'], intraOpNumThreads: 1, logSeverityLevel: 4 },
  });
  try {
    const { y } = await session.run({
      x: new Tensor('float32', new Float32Array(FEATURES).fill(1), shape),
      integers: new Tensor('int8', new Int8Array(FEATURES).fill(LARGEST), [FEATURES, 1]),
    });
    const right = FEATURES * LARGEST;
    return Math.abs((y.data as Float32Array)[0] - right) > 0.01 * right;
  } finally {
    await session.release();
  }
}

let known: Promise<boolean> | undefined;

/**
 * Whether this processor's products of unsigned by signed bytes saturate at 16 bits, found out by one of them: x64 with
 * AVX2 or AVX-512, but without VNNI (https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html).
 * Those of unsigned by unsigned bytes are exact everywhere, and slower.
 */
export const saturatesIntegers = (): Promise<boolean> => (known ??= multipliesWrongly());
