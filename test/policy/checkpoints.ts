import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type TensorSource,
  loadSafetensors,
  writeSafetensors,
} from '../../src/tensors/safetensors.ts';
import type { ImportOptions } from '../../src/policy/checkpoints/options.ts';
import { tinyTokenizerJson } from '../../src/policy/paligemma/tokenizer.ts';
import { GOLDEN } from './golden.ts';

type Json = Record<string, unknown>;

/** Statistics of fourteen joints, each its own number. */
const count = (from: number, joints = 14) =>
  Array.from({ length: joints }, (_, i) => from + i / 16);
export const STATS = {
  state: { mean: count(-1), std: count(0.25), q01: count(-3), q99: count(1) },
  actions: { mean: count(-2), std: count(0.5), q01: count(-4), q99: count(2) },
};

/** What openpi writes beside a policy; `width` pads it with zeros. */
export function openpiStats(width = 14): Json {
  const padded = (values: number[]) => [...values, ...Array<number>(width - 14).fill(0)];
  const of = ({ mean, std }: { mean: number[]; std: number[] }) => ({
    mean: padded(mean),
    std: padded(std),
  });
  return { norm_stats: { state: of(STATS.state), actions: of(STATS.actions) } };
}

/** Says what these checkpoints leave open. */
export const SAID = { embodiment: 'aloha', adaptToPi: false, deltaActions: false } as const;
export const options = (out: string, changes: Partial<ImportOptions> = {}): ImportOptions => ({
  ...SAID,
  out,
  ...changes,
});

export const goldenJson = async (file = 'config.json') =>
  JSON.parse(await readFile(join(GOLDEN, file), 'utf8')) as Json;

/** The golden policy's weights under lerobot's names, with an output layer that has nothing to do with its table. */
export async function lerobotTensors(): Promise<TensorSource[]> {
  const { tensors } = await loadSafetensors(join(GOLDEN, 'model.safetensors'));
  return [...tensors].map(([name, tensor]) => ({ name, ...tensor }));
}

const TABLE = 'paligemma_with_expert.paligemma.model.language_model.embed_tokens.weight';
const TIED = 'paligemma_with_expert.paligemma.lm_head.weight';

/** The same under the names of openpi's export, which has the table only as the output layer that shares its memory. */
export async function openpiTensors(): Promise<TensorSource[]> {
  const tensors = (await lerobotTensors()).map(({ name, ...rest }) => ({
    ...rest,
    name: name.replace(/^model\./, ''),
  }));
  return tensors
    .filter(({ name }) => name !== TIED)
    .map((tensor) => (tensor.name === TABLE ? { ...tensor, name: TIED } : tensor));
}

const json = (path: string, value: Json) => writeFile(path, JSON.stringify(value));

interface CheckpointParts {
  tensors: readonly TensorSource[];
  /** Absent: no config.json. */
  config?: Json;
  /** Files to cut the tensors into; one that needs no index if absent. */
  shards?: number;
  /** Written as openpi has it; false for none. */
  stats?: boolean;
  /** False for none. */
  tokenizer?: boolean;
}

/** Writes a checkpoint as lerobot or openpi would. */
export async function writeCheckpoint(
  folder: string,
  { tensors, config, shards = 0, stats = true, tokenizer = true }: CheckpointParts,
): Promise<string> {
  await mkdir(folder, { recursive: true });
  if (config) await json(join(folder, 'config.json'), config);
  if (tokenizer) await writeFile(join(folder, 'tokenizer.json'), tinyTokenizerJson());
  if (stats) await writeAsset(folder, 'trossen', openpiStats());
  if (shards === 0) {
    await writeSafetensors(join(folder, 'model.safetensors'), tensors, { format: 'pt' });
    return folder;
  }
  const map: Record<string, string> = {};
  for (let shard = 0; shard < shards; shard++) {
    const file = `model-0000${shard + 1}-of-0000${shards}.safetensors`;
    const own = tensors.filter((_, i) => i % shards === shard);
    await writeSafetensors(join(folder, file), own, { format: 'pt' });
    for (const { name } of own) map[name] = file;
  }
  await json(join(folder, 'model.safetensors.index.json'), {
    metadata: { total_size: 0 },
    weight_map: map,
  });
  return folder;
}

/** Statistics of a robot where openpi keeps them. */
export async function writeAsset(folder: string, robot: string, stats: Json): Promise<string> {
  await mkdir(join(folder, 'assets', robot), { recursive: true });
  const path = join(folder, 'assets', robot, 'norm_stats.json');
  await json(path, stats);
  return path;
}

/** What lerobot's processors may say beside their statistics. */
export interface ProcessorParts {
  /** The data set's names of features by the policy's. */
  renames?: Record<string, string>;
  norm?: Record<string, string>;
  /** Of the postprocessor; the same if absent. */
  normOfActions?: Record<string, string>;
  /** Further fields of the normalizers. */
  fields?: Json;
  /** Further steps. */
  before?: Json[];
  after?: Json[];
  /** Statistics of state and actions, those of ALOHA if absent. */
  vectors?: [Record<string, number[]>, Record<string, number[]>];
  /** Statistics that the postprocessor has of the actions; the same if absent. */
  actions?: Record<string, number[]>;
}

const MEAN_STD = { STATE: 'MEAN_STD', ACTION: 'MEAN_STD' };

/** Statistics where lerobot's processors keep them. */
export async function writeProcessors(
  folder: string,
  { renames = {}, norm = MEAN_STD, before = [], after = [], ...parts }: ProcessorParts = {},
): Promise<void> {
  const tensors = (vectors: [string, Record<string, number[]>][]): TensorSource[] =>
    vectors.flatMap(([vector, moments]) =>
      Object.entries(moments).map(([statistic, values]) => ({
        name: `${vector}.${statistic}`,
        shape: [values.length],
        data: Float32Array.from(values),
      })),
    );
  const [state, actions] = parts.vectors ?? [STATS.state, STATS.actions];
  const files = {
    preprocessor: 'policy_preprocessor_step_5_normalizer_processor.safetensors',
    postprocessor: 'policy_postprocessor_step_0_unnormalizer_processor.safetensors',
  };
  const vectors: [string, Record<string, number[]>][] = [
    ['observation.state', state],
    ['action', actions],
  ];
  await writeSafetensors(join(folder, files.preprocessor), tensors(vectors));
  await writeSafetensors(
    join(folder, files.postprocessor),
    tensors([['action', parts.actions ?? actions]]),
  );
  const step = (registry_name: string, state_file: string, norm_map: Record<string, string>) => ({
    registry_name,
    config: { eps: 1e-8, norm_map, ...parts.fields },
    state_file,
  });
  await json(join(folder, 'policy_preprocessor.json'), {
    name: 'policy_preprocessor',
    steps: [
      { registry_name: 'rename_observations_processor', config: { rename_map: renames } },
      { registry_name: 'to_batch_processor', config: {} },
      ...before,
      step('normalizer_processor', files.preprocessor, norm),
    ],
  });
  await json(join(folder, 'policy_postprocessor.json'), {
    name: 'policy_postprocessor',
    steps: [
      step('unnormalizer_processor', files.postprocessor, parts.normOfActions ?? norm),
      ...after,
    ],
  });
}
