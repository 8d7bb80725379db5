import { createHash } from 'node:crypto';
import type { Demonstration } from '../learning/imitation/demonstrations.ts';
import type { DistillationSettings } from '../learning/distillation/distillation.ts';
import type { ImitationSettings } from '../learning/imitation/teaching.ts';
import { type SettingNames, settingDifference } from '../learning/settingNames.ts';
import type { SimTaskName } from '../sim/taskNames.ts';
import { type Bundle, configOf } from '../policy/bundle/config.ts';
import { storedConfig } from '../policy/bundle/parseConfig.ts';

/** What a training run was begun with, as its checkpoint keeps it. */
export interface BegunRun {
  settings: ImitationSettings | DistillationSettings;
  /** The policy that it went on from, as it was given; absent for random weights. */
  from?: string;
  /** That policy's version. */
  policy?: string;
  /** What stays of the bundle that is trained. */
  base: string;
  task: SimTaskName;
  /** Of imitation. */
  renormalise?: boolean;
  demonstrations: number;
  /** Of the demonstrations' states, commands and prompts, in their order. */
  data: string;
}

const NAMES: SettingNames = {
  'settings.trainable.parameters': '--train',
  'settings.trainable.rank': '--rank',
  'settings.trainable.layers': '--layers',
  'settings.batch': '--batch',
  'settings.samples': '--samples',
  'settings.augment': '--augmentation',
  'settings.maxDelay': '--max-delay',
  'settings.startShare': '--start-share',
  'settings.stateDropout': '--state-dropout',
  'settings.seed': '--seed',
  'settings.optimiser.rate': '--rate',
  'settings.optimiser.finalRate': 'the last learning rate, by --rate',
  'settings.optimiser.steps': '--steps',
  'settings.optimiser.warmUp': 'steps with a rising learning rate, by --steps',
  from: 'the policy that it began from',
  policy: "that policy's version",
  base: 'the policy in --out',
  task: '--task',
  renormalise: '--renormalise',
  demonstrations: 'the number of observations',
  data: "the episodes' content",
};

export const NO_POLICY = 'random weights';

const shortHash = (parts: Iterable<string | NodeJS.ArrayBufferView>): string => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex').slice(0, 12);
};

export const dataOf = (demonstrations: readonly Demonstration[]): string =>
  shortHash(demonstrations.flatMap(({ state, actions, prompt }) => [state, actions, prompt]));

/** What a run leaves of a bundle as it is: its weights too, unless all of them learn. */
export const baseOf = (
  bundle: Bundle,
  { trainable }: Pick<ImitationSettings, 'trainable'>,
): string =>
  trainable.parameters === 'all'
    ? shortHash([JSON.stringify(storedConfig(configOf(bundle)))])
    : bundle.base;

/** The leaves of an object by their paths. */
const leavesOf = (value: unknown, path = ''): [string, string][] =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.entries(value).flatMap(([key, one]) => leavesOf(one, path ? `${path}.${key}` : key))
    : [[path, JSON.stringify(value)]];

/** What only later versions keep: a checkpoint without it is compared in the rest. */
const LATER: readonly (keyof BegunRun)[] = ['policy', 'base', 'task', 'renormalise', 'data'];

/**
 * In what a run differs from the one that is to go on, a line each with both values. A run that goes on
 * need not name its policy again.
 */
export function differences(then: object, now: BegunRun): string[] {
  const isNamed = now.from !== undefined;
  const hasVersions = 'policy' in then && now.policy !== undefined;
  const isSamePolicy = !isNamed || (hasVersions && then.policy === now.policy);
  const [before, after] = [then, now].map((run) => new Map(leavesOf(run)));
  const paths = [...new Set([...before.keys(), ...after.keys()])];
  return paths.flatMap((path) => {
    if (isSamePolicy && (path === 'from' || path === 'policy')) return [];
    if (!before.has(path) && LATER.some((key) => key === path)) return [];
    const [was, is] = [before, after].map((leaves) => leaves.get(path) ?? 'nothing');
    return was === is ? [] : [settingDifference(path, { then: was, now: is }, NAMES)];
  });
}
