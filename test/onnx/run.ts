import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { type ElementType } from '../../src/tensors/elementType.ts';
import { Graph, type Value } from '../../src/onnx/graph.ts';
import { encodeModel } from '../../src/onnx/modelFile.ts';
import type { TypedData } from '../../src/tensors/elementType.ts';

/** Runs a graph's model bytes in ONNX Runtime. */
export async function runGraph(
  graph: Graph,
  feeds: Record<string, Tensor>,
): Promise<Record<string, Tensor>> {
  const session = await InferenceSession.create(encodeModel(graph), { intraOpNumThreads: 1 });
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

/** Builds a graph of one output from float32 inputs by name and shape, and runs it. */
export async function evaluate(
  inputs: Record<string, { data: number[]; shape: number[]; type?: ElementType }>,
  build: (...values: Value[]) => Value,
): Promise<{ data: number[]; shape: readonly number[] }> {
  const graph = new Graph('test');
  const feeds: Record<string, Tensor> = {};
  const values = Object.entries(inputs).map(([name, { data, shape, type = 'float32' }]) => {
    feeds[name] = new Tensor(type as 'float32', typed(type, data) as Float32Array, shape);
    return graph.input(name, type, shape);
  });
  graph.output('y', build(...values));
  const { y } = await runGraph(graph, feeds);
  return { data: Array.from(y.data as Float32Array, Number), shape: y.dims };
}

function typed(type: ElementType, data: number[]): TypedData {
  if (type === 'int64') return new BigInt64Array(data.map(BigInt));
  if (type === 'bool' || type === 'uint8') return new Uint8Array(data);
  if (type === 'float64') return new Float64Array(data);
  return new Float32Array(data);
}

/** A folder that is gone after `body`. */
export async function withFolder<T>(body: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'nalu-test-'));
  try {
    return await body(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
