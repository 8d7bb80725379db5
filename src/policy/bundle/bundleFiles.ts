import type { ShardedHeader } from '../../tensors/shards.ts';

/** What bundles of all families have. */
export const CONFIG_FILE = 'policy.json';

/** Weights in safetensors, of families that keep them so; they may be in shards. */
export const WEIGHTS_FILE = 'model.safetensors';

/** Graphs that earlier bundles hold and nothing reads: they are built when a policy is opened. */
export const EARLIER_GRAPHS = ['sample.onnx', 'prefix.onnx', 'denoise.onnx'];

/** Inputs and the policy's outputs for them on the CPU in float32; see golden.ts. */
export const GOLDEN_FILE = 'golden.safetensors';

/** Optional parameters beside the weights; see adapter.ts. */
export const ADAPTER_FILE = 'adapter.safetensors';

/** The record of imported weights; see weightsRecord.ts. */
export const RECORD_FILE = 'weights.json';

/** Files of a training run beside its bundle. */
export const TRAINING_FILES = {
  checkpoint: 'training/checkpoint.safetensors',
  log: 'training/log.jsonl',
  curve: 'training/loss.svg',
} as const;

/** The files of a bundle's weights: one, or shards and their index. */
export const filesOf = ({ files, index }: ShardedHeader): string[] =>
  index === undefined ? files : [index, ...files];
