import { join } from 'node:path';
import { z } from 'zod';
import { UserError, listed, invalid } from '../../errors.ts';
import { isThere } from '../../files/isThere.ts';
import { readJson, validate } from '../../validate.ts';

/** lerobot's steps around a policy, as far as they say what its vectors and images are. */
export interface Processors {
  /** The data set's names of features by the policy's, of one file; absent if there are none. */
  renames?: { by: string; names: ReadonlyMap<string, string> };
  /** How the normalizers treat the state and the actions; absent where none says it. */
  norm?: { by: string; STATE: string; ACTION: string };
  /** The step that makes actions relative to the state. */
  relative?: { by: string; enabled: boolean; exclude: string[]; names: string[] | null };
  /** The step that writes the state into the prompt; absent if there is none. */
  statePrompt?: string;
  /** Files of statistics: what the state is normalised with, and what actions are. */
  statistics: { state: string[]; actions: string[] };
}

const PREPROCESSOR = 'policy_preprocessor.json';
const POSTPROCESSOR = 'policy_postprocessor.json';
const TRAINING = 'train_config.json';

const texts = z.record(z.string(), z.string());

const stepSchema = z.looseObject({
  registry_name: z.string().nullish(),
  class: z.string().nullish(),
  state_file: z.string().nullish(),
  config: z
    .looseObject({
      enabled: z.boolean().nullish(),
      rename_map: texts.nullish(),
      norm_map: texts.nullish(),
      features: z.record(z.string(), z.unknown()).nullish(),
      normalize_observation_keys: z.array(z.string()).nullish(),
      eps: z.number().nullish(),
      exclude_joints: z.array(z.string()).nullish(),
      action_names: z.array(z.string()).nullish(),
      include_state_in_prompt: z.boolean().nullish(),
    })
    .nullish(),
});
const pipelineSchema = z.looseObject({ steps: z.array(stepSchema) });
const trainingSchema = z.looseObject({ rename_map: texts.nullish() });

type Step = z.infer<typeof stepSchema>;

interface Pipeline {
  path: string;
  steps: Step[];
}

const RENAME = 'rename_observations_processor';
const NORMALIZER = 'normalizer_processor';
const UNNORMALIZER = 'unnormalizer_processor';
const RELATIVE = 'relative_actions_processor';
const ABSOLUTE = 'absolute_actions_processor';
const STATE_PROMPT = 'pi05_prepare_state_tokenizer_processor_step';

/** Steps that are read, and those that change nothing which the runtime does not do by itself. */
const KNOWN = new Set([
  RENAME,
  NORMALIZER,
  UNNORMALIZER,
  RELATIVE,
  ABSOLUTE,
  STATE_PROMPT,
  'pi0_new_line_processor',
  'pi0_fast_prepare_state_tokenizer_processor_step',
  'action_tokenizer_processor',
  'tokenizer_processor',
  'device_processor',
  'to_batch_processor',
  'to_batch_processor_action',
  'to_batch_processor_observation',
  'to_batch_processor_complementary_data',
]);

const nameOf = (step: Step) => step.registry_name ?? step.class ?? 'a step without a name';

async function readPipeline(path: string): Promise<Pipeline> {
  if (!(await isThere(path))) return { path, steps: [] };
  const { steps } = validate(pipelineSchema, await readJson(path), path);
  const unknown = steps.filter((one) => !KNOWN.has(nameOf(one)) && one.config?.enabled !== false);
  if (unknown.length > 0)
    throw new UserError(
      `${path} has steps that Nalu does not know, and that may change what the policy's vectors mean; take out of it those that do not:${listed(unknown.map(nameOf))}`,
      { kind: 'unsupported', subject: path, fields: unknown.map(nameOf) },
    );
  return { path, steps };
}

/** The step of this name, of which there may be one. */
function find({ path, steps }: Pipeline, name: string): Step | undefined {
  const found = steps.filter((step) => step.registry_name === name);
  if (found.length > 1)
    throw new UserError(`${path} has ${name} ${found.length} times`, {
      kind: 'invalid',
      subject: path,
      fields: [name],
    });
  return found[0];
}

const STATE = 'observation.state';

/** Throws a `UserError` for a normalizer that leaves out the vector, or has an ε that would matter. */
function checkNormalizer({ path }: Pipeline, step: Step, vector: string): void {
  const { features, normalize_observation_keys: keys, eps } = step.config ?? {};
  const normalised = [
    ...(features && Object.keys(features).length > 0 ? [Object.keys(features)] : []),
    // Chooses among observations alone.
    ...(keys && vector === STATE ? [keys] : []),
  ];
  if (normalised.some((names) => !names.includes(vector)))
    throw new UserError(
      `${path}: ${nameOf(step)} leaves ${vector} as it is; Nalu runs policies whose state and actions are normalised`,
      { kind: 'unsupported', subject: path, fields: [vector] },
    );
  if (typeof eps === 'number' && eps > 1e-6)
    throw new UserError(
      `${path}: ${nameOf(step)} has eps ${eps}; Nalu normalises with lerobot's own, 1e-8`,
      { kind: 'unsupported', subject: path, fields: ['eps'] },
    );
}

function normOf(before: Pipeline, after: Pipeline): Processors['norm'] {
  const [normalizer, unnormalizer] = [find(before, NORMALIZER), find(after, UNNORMALIZER)];
  if (normalizer) checkNormalizer(before, normalizer, STATE);
  if (unnormalizer) checkNormalizer(after, unnormalizer, 'action');
  const [first, last] = [normalizer?.config?.norm_map, unnormalizer?.config?.norm_map];
  const map = first ?? last;
  if (!map) return undefined;
  const trained = first?.ACTION;
  const { ACTION = 'IDENTITY' } = last ?? map;
  if (trained !== undefined && trained !== ACTION)
    throw new UserError(
      `${before.path} normalises actions by ${trained}, ${after.path} by ${ACTION}; take both from one checkpoint`,
      { kind: 'mismatch', subject: before.path },
    );
  const { path } = first ? before : after;
  return { by: `norm_map in ${path}`, STATE: map.STATE ?? 'IDENTITY', ACTION };
}

function relativeOf(before: Pipeline, after: Pipeline): Processors['relative'] {
  const [step, back] = [find(before, RELATIVE), find(after, ABSOLUTE)];
  const enabled = step?.config?.enabled ?? false;
  if (back && (back.config?.enabled ?? false) !== enabled)
    throw new UserError(
      `${before.path} ${enabled ? 'makes' : 'does not make'} actions relative, ${after.path} ${enabled ? 'does not make' : 'makes'} them absolute again (${RELATIVE}, ${ABSOLUTE}: enabled); take both from one checkpoint`,
      { kind: 'mismatch', subject: before.path, fields: [RELATIVE, ABSOLUTE] },
    );
  if (!step) return undefined;
  const { exclude_joints, action_names } = step.config ?? {};
  return {
    by: `${RELATIVE} in ${before.path}`,
    enabled,
    exclude: exclude_joints ?? [],
    names: action_names ?? null,
  };
}

/** Names turned round: of each policy's feature the one of the data set that it was renamed from. */
function turned(renames: Record<string, string>, path: string): Map<string, string> {
  const names = new Map<string, string>();
  for (const [from, to] of Object.entries(renames)) {
    const other = names.get(to);
    if (other !== undefined)
      throw invalid(
        path,
        `rename_map makes ${to} of both ${other} and ${from}; say which camera it is with --cameras, in the policy's order`,
        'rename_map',
      );
    names.set(to, from);
  }
  return names;
}

/** What features were renamed from: by the preprocessor, else by the configuration of the training. */
async function renamesOf(before: Pipeline, training: string): Promise<Processors['renames']> {
  const step = find(before, RENAME)?.config?.rename_map ?? {};
  const trained = (await isThere(training))
    ? (validate(trainingSchema, await readJson(training), training).rename_map ?? {})
    : {};
  const sorted = (map: Record<string, string>) => JSON.stringify(Object.entries(map).sort());
  const [hasStep, hasTrained] = [step, trained].map((map) => Object.keys(map).length > 0);
  if (hasStep && hasTrained && sorted(step) !== sorted(trained))
    throw new UserError(
      `rename_map in ${before.path} is another than in ${training}; take both from one checkpoint, or leave out the one that the policy was not trained with`,
      { kind: 'mismatch', subject: before.path, fields: ['rename_map'] },
    );
  if (!hasStep && !hasTrained) return undefined;
  const [map, path] = hasStep ? [step, before.path] : [trained, training];
  return { by: `rename_map in ${path}`, names: turned(map, path) };
}

/** The step that writes the state into the prompt. Throws a `UserError` for one that leaves it out. */
function statePromptOf(before: Pipeline): string | undefined {
  const step = find(before, STATE_PROMPT);
  if (step?.config?.include_state_in_prompt === false)
    throw new UserError(
      `${before.path} says include_state_in_prompt: false, as lerobot's π0.5 with a memory of earlier observations does; Nalu runs π0.5 without one`,
      { kind: 'unsupported', subject: before.path, fields: ['include_state_in_prompt'] },
    );
  return step && `${STATE_PROMPT} in ${before.path}`;
}

/** The file of statistics that a pipeline's step names. */
async function statisticsOf(pipeline: Pipeline, name: string, folder: string): Promise<string[]> {
  const file = find(pipeline, name)?.state_file;
  if (!file) return [];
  const path = join(folder, file);
  if (!(await isThere(path)))
    throw new UserError(
      `${pipeline.path} keeps its statistics in ${file}, which is not there; fetch it too, or give --stats`,
      { kind: 'missing', subject: pipeline.path },
    );
  return [path];
}

/**
 * Reads what lerobot keeps beside a policy: its preprocessor and postprocessor, and what it was trained
 * with. `hasStatistics`: whether the user gives other statistics. Throws a `UserError` for steps that
 * Nalu does not do, and for files that contradict each other.
 */
export async function readProcessors(folder: string, hasStatistics: boolean): Promise<Processors> {
  const before = await readPipeline(join(folder, PREPROCESSOR));
  const after = await readPipeline(join(folder, POSTPROCESSOR));
  const [state, actions] = hasStatistics
    ? [[], []]
    : [
        await statisticsOf(before, NORMALIZER, folder),
        await statisticsOf(after, UNNORMALIZER, folder),
      ];
  return {
    renames: await renamesOf(before, join(folder, TRAINING)),
    norm: normOf(before, after),
    relative: relativeOf(before, after),
    statePrompt: statePromptOf(before),
    // lerobot plays what the postprocessor makes of actions.
    statistics: { state: [...state, ...actions], actions: [...actions, ...state] },
  };
}
