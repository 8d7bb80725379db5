import type { Shape } from '../../../onnx/dim.ts';
import { toFloat32 } from '../../../tensors/dtype.ts';
import { type TensorSource, loadTensors } from '../../../tensors/safetensors.ts';
import { readShardedHeader } from '../../../tensors/shards.ts';
import { onceEach } from '../../../onceEach.ts';
import { findTensor, shapesOf } from '../../paligemma/weights.ts';
import type { Pi0Config } from './config.ts';
import { sampleGraph } from './graphs.ts';

/** All weights of a π0 in float32, under openpi's names, each read when its turn comes. */
export async function weightSources(path: string, config: Pi0Config): Promise<TensorSource[]> {
  const header = await readShardedHeader(path);
  return [...weightShapes(config)].map(([name, shape]) => ({
    name,
    shape: shape as number[],
    dtype: 'F32',
    data: async () => toFloat32((await loadTensors([findTensor(header, name)!]))[0]),
  }));
}

/** Names and shapes of all weights of a π0 of this configuration. */
export const weightShapes = onceEach((config: Pi0Config): ReadonlyMap<string, Shape> =>
  shapesOf((source) => sampleGraph(config, source, 'bytes')),
);
