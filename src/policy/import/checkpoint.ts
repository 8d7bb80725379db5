import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { UserError } from '../../errors.ts';
import { type ShardedHeader, indexOf, readShardedHeader } from '../../onnx/shards.ts';
import { readJson, validate } from '../../validate.ts';
import { type CheckpointConfig, checkpointConfigSchema } from './checkpointConfig.ts';

/** A published policy as it was found on disk. */
export interface Checkpoint {
  folder: string;
  /** Names and places of its tensors. */
  header: ShardedHeader;
  /** Of its `config.json`; empty where there is none. */
  config: CheckpointConfig;
  /** Names `config.json` in messages. */
  configPath: string;
}

const WEIGHTS = 'model.safetensors';
const CONFIG = 'config.json';
const INDEX_ENDING = indexOf('.safetensors');

const names = (folder: string) => readdir(folder).catch((): string[] => []);

/** Folders in which training leaves something else than a whole policy, by a file or folder of it. */
const OTHERS: Record<string, string> = {
  params:
    'is a JAX checkpoint of openpi. Convert it to PyTorch first, with openpi: uv run examples/convert_jax_model_to_pytorch.py --checkpoint_dir CHECKPOINT --config_name CONFIG --output_path FOLDER',
  _CHECKPOINT_METADATA:
    "is a JAX checkpoint of openpi. Give the folder above its params to openpi's examples/convert_jax_model_to_pytorch.py, and import what that writes",
  _METADATA:
    "is a JAX checkpoint of openpi. Give the folder above it to openpi's examples/convert_jax_model_to_pytorch.py, and import what that writes",
  'adapter_model.safetensors':
    "holds a LoRA adapter without the policy it belongs to. Merge the two in Python (PEFT's merge_and_unload) and save that",
  'pytorch_model.bin':
    'holds pickled weights. Save the policy as safetensors in Python (safetensors.torch.save_model)',
  'policy.json': 'is a policy bundle already',
};

async function refuseFolder(folder: string): Promise<never> {
  const found = await names(folder);
  const other = Object.keys(OTHERS).find((name) => found.includes(name));
  throw new UserError(
    other === undefined
      ? `${folder}: neither ${WEIGHTS} nor ${indexOf(WEIGHTS)} is there. Give the folder with them, or the .safetensors file itself`
      : `${folder} ${OTHERS[other]}`,
  );
}

/** The file that a checkpoint's tensors are in, or would be in if it were not cut into shards. */
async function findWeights(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new UserError(`${path}: no such checkpoint`);
  if (!found.isDirectory()) {
    if (path.endsWith(INDEX_ENDING)) return path.slice(0, -indexOf('').length);
    if (path.endsWith('.safetensors')) return path;
    throw new UserError(
      `${path}: weights are read from .safetensors files, an index of them (${INDEX_ENDING}), or a folder with either`,
    );
  }
  // lerobot's training leaves the policy in a folder of the checkpoint's.
  for (const folder of [path, join(path, 'pretrained_model')]) {
    const inside = await names(folder);
    if (inside.includes('policy.json')) return refuseFolder(folder);
    if ([WEIGHTS, indexOf(WEIGHTS)].some((name) => inside.includes(name)))
      return join(folder, WEIGHTS);
  }
  return refuseFolder(path);
}

/** Finds a checkpoint's tensors and configuration. Throws a `UserError` for what is none, or not whole. */
export async function openCheckpoint(path: string): Promise<Checkpoint> {
  const weights = await findWeights(path);
  const folder = dirname(weights);
  const configPath = join(folder, CONFIG);
  const config = (await names(folder)).includes(CONFIG)
    ? validate(checkpointConfigSchema, await readJson(configPath), configPath)
    : {};
  return { folder, header: await readShardedHeader(weights), config, configPath };
}
