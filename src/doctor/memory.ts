import type { TensorEntry } from '../tensors/safetensors.ts';
import type { NvidiaGpu } from './gpu.ts';
import { findingsOf, formatBytes, needed } from './finding.ts';
import { type Finding } from './finding.ts';

/** Bytes. */
export interface Memory {
  total: number;
  available: number;
  /** Memory limit of this process's control group, if less than `total`. */
  limit?: number;
}

/** Node.js, ONNX Runtime and the simulator without the weights: `nalu sim` peaked at 247 MB. */
const BESIDE_WEIGHTS = 250e6;

/** Lower bound of a policy's memory on the CPU, bytes: the weights in the type of their file. */
export const bytesNeeded = (tensors: Iterable<Pick<TensorEntry, 'bytes'>>): number =>
  [...tensors].reduce((sum, { bytes }) => sum + bytes, BESIDE_WEIGHTS);

const { ok, lack } = findingsOf('policy');

/** Whether a policy that needs at least `bytes` fits in memory. */
export function memoryVerdict({ total, available, limit }: Memory, bytes: number): Finding {
  const bound =
    limit === undefined ? '' : `, of which this control group may take ${formatBytes(limit)}`;
  const found = `needs at least ${formatBytes(bytes)}; ${formatBytes(available)} of ${formatBytes(total)} are available${bound}`;
  if (bytes <= Math.min(available, limit ?? Infinity)) return needed(ok('memory', found));
  const next =
    bytes > total
      ? 'take a smaller policy, or a machine with more memory'
      : limit !== undefined && bytes > limit
        ? "raise the container's limit (as docker run --memory)"
        : 'close what else takes memory (see top), or take a smaller policy';
  return needed(lack('memory', found, next));
}

/** Whether a policy's weights fit a GPU's memory [MiB]. */
export function gpuMemoryVerdict({ name, memory }: NvidiaGpu, bytes: number): Finding[] {
  if (memory === undefined) return [];
  const found = `${name} has ${formatBytes(memory * 2 ** 20)}, the weights alone are ${formatBytes(bytes)}`;
  if (bytes < memory * 2 ** 20) return [ok('GPU memory', found)];
  const next =
    'import the checkpoint again with --precision float16, or with --prefix-bits 8 or 4, or take the CPU';
  return [lack('GPU memory', found, next)];
}
