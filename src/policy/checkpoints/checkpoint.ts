import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { UserError, listed } from '../../errors.ts';
import { type ShardedHeader, indexOf, readShardedHeader } from '../../tensors/shards.ts';
import { readJson, validate } from '../../validate.ts';
import { plainlyNamed } from '../paligemma/weightNames.ts';
import { type CheckpointConfig, checkpointConfigSchema } from './checkpointConfig.ts';
import { fromJax } from './jaxTree.ts';
import { type PeftAdapter, PEFT_FILES, readPeft } from './peft.ts';
import { type Processors, readProcessors } from './processors.ts';

/** A published policy as it was found on disk. */
export interface Checkpoint {
  /** Of its configuration, statistics and tokenizer. */
  folder: string;
  /** Plain names and places of its tensors. */
  header: ShardedHeader;
  /** Of its `config.json`; empty where there is none. */
  config: CheckpointConfig;
  /** Names `config.json` in messages. */
  configPath: string;
  processors: Processors;
  /** What is to be merged into its weights. */
  peft?: PeftAdapter;
  /** Whether its tensors are openpi's JAX parameters. */
  isJax: boolean;
  /** What the user should know of. */
  notes: string[];
}

const WEIGHTS = 'model.safetensors';
const CONFIG = 'config.json';
const INDEX_ENDING = indexOf('.safetensors');

const names = (folder: string) => readdir(folder).catch((): string[] => []);

/** Folders in which training leaves something else than a whole policy, by a file or folder of it. */
const OTHERS: Record<string, string> = {
  params:
    'is a JAX checkpoint of openpi. Convert it to PyTorch first, with openpi: uv run examples/convert_jax_model_to_pytorch.py --checkpoint_dir CHECKPOINT --config_name CONFIG --output_path FOLDER. That leaves π0-FAST out: save its params as model.safetensors, paths joined by /',
  _CHECKPOINT_METADATA:
    "is a JAX checkpoint of openpi. Give the folder above its params to openpi's examples/convert_jax_model_to_pytorch.py, and import what that writes",
  _METADATA:
    "is a JAX checkpoint of openpi. Give the folder above it to openpi's examples/convert_jax_model_to_pytorch.py, and import what that writes",
  'example_batch.msgpack':
    "is a JAX checkpoint of Octo. Write its weights as model.safetensors first, by the script in Nalu's docs/octo.md: python3 octo_to_safetensors.py CHECKPOINT",
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
    { kind: other === undefined ? 'missing' : 'unsupported', subject: folder },
  );
}

/** A folder's files by what they are. */
async function inspect(folder: string) {
  const found = await names(folder);
  const has = (files: readonly string[]) => files.some((file) => found.includes(file));
  return {
    folder,
    isBundle: has(['policy.json']),
    hasWeights: has([WEIGHTS, indexOf(WEIGHTS)]),
    hasPeft: has(Object.values(PEFT_FILES)),
  };
}

/** Where a checkpoint's parts are. */
interface Place {
  /** The file of the tensors, or what it would be if it were not cut into shards. */
  weights: string;
  /** The folder of the adapter that belongs on top of them. */
  peft?: string;
  notes?: string[];
}

/** Levels below a policy at which an adapter of it may be, as adapters/NAME. */
const ADAPTER_DEPTH = 3;

/** Folders below that hold adapters. */
async function adaptersBelow(folder: string, depth = ADAPTER_DEPTH): Promise<string[]> {
  if (depth === 0) return [];
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const below = await Promise.all(
    entries
      .filter((entry) => entry.isDirectory() || entry.isSymbolicLink())
      .map(async (entry) => {
        const inner = await inspect(join(folder, entry.name));
        if (inner.hasWeights) return [];
        return inner.hasPeft ? [inner.folder] : adaptersBelow(inner.folder, depth - 1);
      }),
  );
  return below.flat();
}

/** The weights, of a folder or file, that an adapter was trained on. */
async function findBase(path: string, adapter: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  if (!found)
    throw new UserError(`--base ${path}: no such checkpoint`, {
      kind: 'missing',
      subject: path,
      fields: ['--base'],
    });
  if (!found.isDirectory()) return (await findFile(path)).weights;
  for (const folder of [path, join(path, 'pretrained_model')]) {
    const { isBundle, hasWeights, hasPeft } = await inspect(folder);
    if (isBundle) return refuseFolder(folder);
    if (hasPeft && (await realpath(folder)) !== (await realpath(adapter)))
      throw new UserError(
        `--base ${folder} has an adapter of its own; give the file of its weights, if it was not trained on`,
        { kind: 'unsupported', subject: folder, fields: ['--base'] },
      );
    if (hasWeights) return join(folder, WEIGHTS);
  }
  return refuseFolder(path);
}

/** The folders above, as many as there may be between a policy and an adapter of it. */
const foldersAbove = (folder: string): string[] =>
  Array.from({ length: ADAPTER_DEPTH }, (_, i) => join(folder, ...Array<string>(i + 1).fill('..')));

/** An adapter and the weights that it was trained on: those given, in its folder, in the one above, where it says, or farther above. */
async function findPeftBase(folder: string, hasWeights: boolean, given?: string): Promise<Place> {
  if (given !== undefined) return { weights: await findBase(given, folder), peft: folder };
  const { trainedOn } = await readPeft(folder);
  const [above, ...fartherAbove] = foldersAbove(folder);
  if (hasWeights) return { weights: join(folder, WEIGHTS), peft: folder };
  const told = trainedOn && isAbsolute(trainedOn) ? [trainedOn] : [];
  for (const base of [above, ...told, ...fartherAbove]) {
    if ((await inspect(base)).hasWeights) return { weights: join(base, WEIGHTS), peft: folder };
  }
  throw new UserError(
    `${folder} holds a LoRA adapter without the policy that it was trained on${trainedOn ? ` (${trainedOn})` : ''}. Say where that is with --base FOLDER; Nalu merges the two`,
    { kind: 'unsaid', subject: folder, fields: ['--base'] },
  );
}

async function findFile(path: string, base?: string): Promise<Place> {
  const folder = dirname(path);
  if (Object.values<string>(PEFT_FILES).includes(basename(path)))
    return findPeftBase(folder, false, base);
  if (!path.endsWith('.safetensors') && !path.endsWith(INDEX_ENDING))
    throw new UserError(
      `${path}: weights are read from .safetensors files, an index of them (${INDEX_ENDING}), or a folder with either`,
      { kind: 'unsupported', subject: path },
    );
  const weights = path.endsWith(INDEX_ENDING) ? path.slice(0, -indexOf('').length) : path;
  const { hasPeft } = await inspect(folder);
  return {
    weights,
    notes: hasPeft
      ? [`the adapter in ${folder} is left out, as you give the file of the weights alone`]
      : [],
  };
}

async function findFolder(path: string, base?: string): Promise<Place> {
  // lerobot's training leaves the policy in a folder of the checkpoint's.
  for (const folder of [path, join(path, 'pretrained_model')]) {
    const { isBundle, hasWeights, hasPeft } = await inspect(folder);
    if (isBundle) return refuseFolder(folder);
    if (hasPeft) return findPeftBase(folder, hasWeights, base);
    if (!hasWeights) continue;
    const below = await adaptersBelow(folder);
    if (below.length === 0) return { weights: join(folder, WEIGHTS) };
    throw new UserError(
      `${folder} has adapters below it. Give the folder of one to import the policy with it, or ${join(folder, WEIGHTS)} for the policy without:${listed(below)}`,
      { kind: 'unsaid', subject: folder, fields: below },
    );
  }
  return refuseFolder(path);
}

async function findPlace(path: string, base?: string): Promise<Place> {
  const found = await stat(path).catch(() => undefined);
  if (!found)
    throw new UserError(`${path}: no such checkpoint`, { kind: 'missing', subject: path });
  return found.isDirectory() ? findFolder(path, base) : findFile(path, base);
}

/** Where the configuration is: beside the adapter, if there is one with its own. */
async function folderOf({ weights, peft }: Place): Promise<string> {
  return peft !== undefined && (await names(peft)).includes(CONFIG) ? peft : dirname(weights);
}

/** How the tensors are named, where something was wrapped around the policy. */
function namesNote(stored: ShardedHeader['tensors'], plain: ShardedHeader['tensors']): string[] {
  const [before, after] = [stored, plain].map((tensors) => [...tensors.keys()]);
  const renamed = before.findIndex((name, i) => name !== after[i]);
  return renamed < 0
    ? []
    : [`tensors are read without what wraps their names: ${before[renamed]} as ${after[renamed]}`];
}

/**
 * Finds a checkpoint's tensors, configuration and processors, and the weights of `base` where it is an
 * adapter of them. Throws a `UserError` for what is none, or not whole.
 */
export async function openCheckpoint(
  path: string,
  { base, stats }: { base?: string; stats?: string } = {},
): Promise<Checkpoint> {
  const place = await findPlace(path, base);
  if (base !== undefined && place.peft === undefined)
    throw new UserError(`${path} holds no adapter that --base ${base} would be the base of`, {
      kind: 'mismatch',
      subject: path,
      fields: ['--base'],
    });
  const folder = await folderOf(place);
  const configPath = join(folder, CONFIG);
  const config = (await names(folder)).includes(CONFIG)
    ? validate(checkpointConfigSchema, await readJson(configPath), configPath)
    : {};
  const stored = await readShardedHeader(place.weights);
  const tree = fromJax(stored.tensors);
  const header = { ...stored, tensors: tree ?? plainlyNamed(stored.tensors) };
  const unmerged =
    config.use_peft && place.peft === undefined
      ? [
          `${configPath} says use_peft, and no adapter is beside it: the weights are taken as merged`,
        ]
      : [];
  return {
    folder,
    header,
    config,
    configPath,
    processors: await readProcessors(folder, stats !== undefined),
    peft: place.peft === undefined ? undefined : await readPeft(place.peft),
    isJax: tree !== undefined,
    notes: [
      ...(place.notes ?? []),
      ...(tree ? [] : namesNote(stored.tensors, header.tensors)),
      ...unmerged,
    ],
  };
}
