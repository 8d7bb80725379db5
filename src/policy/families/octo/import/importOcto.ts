import { readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { UserError } from '../../../../errors.ts';
import { isThere } from '../../../../files/isThere.ts';
import { writeWhole } from '../../../../files/writeWhole.ts';
import { type ShardedHeader, readShardedHeader } from '../../../../tensors/shards.ts';
import { readJson, validate } from '../../../../validate.ts';
import { loadBundle, replaceBundle, writeConfig } from '../../../bundle/bundle.ts';
import { checkPlace } from '../../../bundle/bundlePlace.ts';
import type { BundleConfig } from '../../../bundle/config.ts';
import { writeWeightsRecord } from '../../../bundle/weightsRecord.ts';
import { checkFinite } from '../../../checkpoints/checkFinite.ts';
import { checkTensors } from '../../../checkpoints/checkWeights.ts';
import { executeStepsOf } from '../../../checkpoints/dimensions.ts';
import { EMBODIMENTS, type Embodied, actionsOf } from '../../../checkpoints/embodiments.ts';
import type { Imported } from '../../../checkpoints/importPolicy.ts';
import type { ImportOptions } from '../../../checkpoints/options.ts';
import { placeWeights } from '../../../checkpoints/placeWeights.ts';
import { measure } from '../../../checkpoints/planImport.ts';
import { TOKENIZER_FILE } from '../../../paligemma/tokenizer.ts';
import type { OctoConfig } from '../config.ts';
import { weightShapes } from '../graphs.ts';
import { checkInstructions } from '../instruction.ts';
import { dimensionsOf } from './dimensions.ts';
import { octoConfigFileSchema } from './spec.ts';
import { normalisationIn, normalisationOf, readOctoStatistics } from './statistics.ts';

const WEIGHTS = 'model.safetensors';
const CONFIG = 'config.json';

/** Options of `nalu import` that an Octo has nothing for. */
const FOREIGN = {
  base: '--base',
  adaptToPi: '--adapt-to-pi',
  deltaActions: '--delta-actions',
  stateInPrompt: '--state-in-prompt',
  units: '--units',
  ranges: '--ranges',
  actionTokenizer: '--action-tokenizer',
  steps: '--steps',
  precision: '--precision',
  prefixBits: '--prefix-bits',
} as const satisfies Partial<Record<keyof ImportOptions, string>>;

/** An Octo's weights, as the script in docs/octo.md writes them; undefined for other files. */
export async function findOcto(path: string): Promise<ShardedHeader | undefined> {
  const file = path.endsWith('.safetensors') ? path : join(path, WEIGHTS);
  if (!(await isThere(file))) return undefined;
  const header = await readShardedHeader(file);
  return [...header.tensors.keys()].some((name) => name.startsWith('octo_transformer/'))
    ? header
    : undefined;
}

/** The robot that it acts for: the one given, else the only one with so many joints. */
function robotOf(folder: string, count: number, given: ImportOptions['embodiment']): Embodied {
  const fits = Object.values<Embodied>(EMBODIMENTS).filter(
    (one) => actionsOf(one).length === count,
  );
  const robot = given === undefined ? (fits.length === 1 ? fits[0] : undefined) : EMBODIMENTS[given]; // prettier-ignore
  if (!robot)
    throw new UserError(
      `${folder} does not say which robot it was trained for, and its actions have ${count} numbers; say --embodiment ${(fits.length > 0 ? fits : Object.values<Embodied>(EMBODIMENTS)).map(({ name }) => name).join(' or ')}`,
      { kind: 'missing', subject: folder, fields: ['--embodiment'] },
    );
  if (actionsOf(robot).length !== count)
    throw new UserError(
      `the statistics are of actions of ${count} numbers, ${robot.name} has ${actionsOf(robot).length}; say --dataset or --stats with those of this robot`,
      { kind: 'mismatch', subject: folder, fields: ['action.mean'] },
    );
  return robot;
}

/** The robot's cameras in the order of the policy's images: those given, else the robot's first. */
function camerasOf(
  { images }: OctoConfig,
  robot: Embodied,
  given: ImportOptions['cameras'],
): Imported['cameras'] {
  const names = images.map(({ name }) => name).join(', ');
  const cameras = given ?? robot.cameras.slice(0, images.length);
  if (cameras.length !== images.length || new Set(cameras).size !== images.length)
    throw new UserError(
      `the policy sees ${images.length} images (${names}), not ${cameras.join(', ')}; say --cameras with as many of the robot's names, in this order`,
      { kind: 'mismatch', fields: ['--cameras'] },
    );
  const by = given ? 'as you say' : `the first of ${robot.name}, for ${names}`;
  return { value: cameras as [string, ...string[]], by };
}

/** The tokenizer of instructions, where they are read. */
async function readTokenizer(folder: string, { language }: OctoConfig, given?: string) {
  if (!language?.encoder) return undefined;
  const path = given ?? join(folder, TOKENIZER_FILE);
  if (!(await isThere(path)))
    throw new UserError(
      `${path} is not there. Give T5's with --tokenizer FILE: it is tokenizer.json of google-t5/t5-base on Hugging Face`,
      { kind: 'missing', subject: path },
    );
  await checkInstructions(path, language.encoder);
  return { path, json: await readFile(path, 'utf8') };
}

/** The configuration of an Octo. */
async function readOctoConfig(folder: string) {
  const path = join(folder, CONFIG);
  if (!(await isThere(path)))
    throw new UserError(
      `${path} is not there, and an Octo's tensors do not say all of its architecture; fetch it beside them`,
      { kind: 'missing', subject: path },
    );
  const json = await readJson(path);
  const { model } = validate(octoConfigFileSchema, json, path);
  return { path, model, normalisation: normalisationIn(json, path) };
}

/** Rows of a chunk that are played: half of them, as its few rows must also last while the next chunk is sampled. */
const playedOf = ({ horizon }: OctoConfig, execute: number | undefined): number =>
  executeStepsOf({ config: { n_action_steps: Math.ceil(horizon / 2) } }, horizon, execute);

/** What there is to say of a policy. */
const notesOf = ({ language }: OctoConfig): string[] =>
  language && !language.encoder
    ? ['the checkpoint has no text encoder: instructions are not read']
    : [];

/**
 * Makes a policy bundle of an Octo; see importCheckpoint. Throws a `UserError` for one that is not whole, that Nalu does
 * not run, or that leaves open what must be known.
 */
export async function importOcto(header: ShardedHeader, options: ImportOptions): Promise<Imported> {
  const { out, force = false, copy = false, execute, embodiment } = options;
  const folder = dirname(header.files[0]);
  for (const [name, option] of Object.entries(FOREIGN))
    if (options[name as keyof ImportOptions] !== undefined)
      throw new UserError(`${folder} is an Octo, which has nothing for ${option}; leave it out`, {
        ...{ kind: 'mismatch', subject: folder, fields: [option] },
      });
  if (await isThere(out)) await checkPlace(out, force);
  const { path: configPath, model, normalisation } = await readOctoConfig(folder);
  const dimensions = dimensionsOf({ header, model, configPath });
  const shapes = weightShapes(dimensions);
  checkTensors({ folder, header, configPath }, { shapes, unused: [], title: 'Octo' });
  const statistics = await readOctoStatistics(folder, options.stats, options.dataset);
  const { moments, source } = statistics;
  const robot = robotOf(folder, moments.mean.length, embodiment);
  const architecture: OctoConfig = {
    ...dimensions,
    robotActionDim: moments.mean.length,
    stateDim: robot.joints.length,
  };
  if (architecture.robotActionDim > architecture.actionDim)
    throw new UserError(
      `${source}: statistics of ${moments.mean.length} numbers, the policy's actions have ${architecture.actionDim}; take those that it was trained with`,
      { kind: 'mismatch', subject: source, fields: ['action.mean'] },
    );
  const cameras = camerasOf(architecture, robot, options.cameras);
  const tokenizer = await readTokenizer(folder, architecture, options.tokenizer);
  const config: BundleConfig<OctoConfig> = {
    format: 1,
    name: basename(resolve(out)),
    description: `Imported from ${basename(resolve(folder))} with the statistics of ${basename(source)}.`,
    embodiment: robot.name,
    cameras: cameras.value,
    executeSteps: playedOf(architecture, execute),
    precision: 'float32',
    family: 'octo',
    architecture,
    transforms: [normalisationOf(statistics, normalisation.value, robot.joints.length)],
  };
  const looked = await checkFinite(header, shapes);
  const placement = await replaceBundle(out, async (staging) => {
    const placed = await placeWeights(header, staging, copy);
    if (tokenizer) await writeWhole(join(staging, TOKENIZER_FILE), tokenizer.json);
    await writeConfig(staging, config);
    await writeWeightsRecord(staging);
    return placed;
  });
  const { horizon, head } = architecture;
  return {
    bundle: await loadBundle(out),
    ...measure(header, shapes),
    ...{ family: 'octo', looked, placement, cameras, notes: notesOf(architecture) },
    statistics: { value: source, by: normalisation.by },
    tokenizer: tokenizer?.path,
    robot: { value: robot.name, by: embodiment ? 'as you say' : 'the size of its actions' },
    sampling: `chunks of ${horizon} rows by ${head.steps} steps of a diffusion, ${config.executeSteps} rows played; images ${architecture.images.map(({ imageSize: side }) => `${side} × ${side}`).join(', ')}`,
  };
}
