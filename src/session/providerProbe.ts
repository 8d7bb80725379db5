import { InferenceSession, Tensor, listSupportedBackends } from 'onnxruntime-node';
import { messageOf } from '../errors.ts';
import { Graph } from '../onnx/graph.ts';
import { encodeModel } from '../onnx/modelFile.ts';
import { matmul } from '../onnx/products.ts';
import { type Provider, asBound, providerName } from './providers.ts';

const SIDE = 8;
const ramp = Float32Array.from({ length: SIDE * SIDE }, (_, i) => (i % 7) - 3);

/** A graph that squares a matrix: a single operator that every provider supports. */
function square(): Uint8Array {
  const graph = new Graph('probe');
  const x = graph.input('x', 'float32', [SIDE, SIDE]);
  graph.output('y', matmul(x, x));
  return encodeModel(graph);
}

function squared(matrix: Float32Array): number[] {
  return Array.from(matrix, (_, i) => {
    const [row, column] = [Math.floor(i / SIDE), i % SIDE];
    let sum = 0;
    for (let k = 0; k < SIDE; k++) sum += matrix[row * SIDE + k] * matrix[k * SIDE + column];
    return sum;
  });
}

/** The providers compiled into this onnxruntime-node; `probeProvider` tests whether one works. */
export const builtProviders = (): string[] => listSupportedBackends().map(({ name }) => name);

/** ONNX Runtime only logs a provider that it was not built with, and continues without it. */
export const unbuilt = (provider: Provider): string | undefined =>
  builtProviders().includes(providerName(provider))
    ? undefined
    : `it is not in this onnxruntime-node (it has ${builtProviders().join(', ')})`;

async function multiply(provider: Provider): Promise<string | undefined> {
  const session = await InferenceSession.create(square(), {
    executionProviders: [asBound(provider)],
    intraOpNumThreads: 1,
    logSeverityLevel: 4,
    // Otherwise the CPU runs the operators that the provider does not support.
    extra: providerName(provider) === 'cpu' ? {} : { session: { disable_cpu_ep_fallback: '1' } },
  });
  try {
    const { y } = await session.run({ x: new Tensor('float32', ramp, [SIDE, SIDE]) });
    const right = squared(ramp);
    const isRight = (y.data as Float32Array).every((value, i) => Math.abs(value - right[i]) < 0.5);
    return isRight ? undefined : 'it multiplies matrices wrongly';
  } finally {
    await session.release();
  }
}

/** ONNX Runtime's message without its leading source location. */
const plain = (message: string) =>
  message.replace(/^\/onnxruntime_src\/.* was false\. /s, '').trim();

/**
 * Multiplies two matrices on one provider, without falling back to the CPU. Returns the reason for a failure;
 * undefined if the product is right.
 */
export async function probeProvider(provider: Provider): Promise<string | undefined> {
  const missing = unbuilt(provider);
  if (missing !== undefined) return missing;
  return multiply(provider).catch((error: unknown) => plain(messageOf(error)));
}
