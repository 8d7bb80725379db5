import { join } from 'node:path';
import { UserError, listed } from '../errors.ts';
import { isThere } from '../files/isThere.ts';
import { adapterVersion } from '../policy/bundle/adapter.ts';
import { readJson } from '../validate.ts';
import { writeWhole } from '../files/writeWhole.ts';
import type { Trainable } from '../policy/trainable.ts';
import type { Bundle } from '../policy/bundle/config.ts';
import { type SettingNames, settingDifference } from './settingNames.ts';

/** The settings that all runs in a folder must share, by name. Absent values are not compared. */
export type Beginning = Record<string, unknown>;

/** The file that records a folder's settings, JSON. */
const BEGUN = 'begun.json';

const NAMES: SettingNames = {
  command: 'the command',
  name: "the policy's name (--policy)",
  policy: "the policy's version (--policy)",
  adapter: "the policy's adapter (--policy)",
  method: '--method',
  seed: '--seed',
  trainable: 'trainable.* in --config',
  gamma: 'gamma in --config',
  critics: 'critics.* in --config',
  'embodiment.name': "the robot's name (--calibration)",
  'embodiment.joints': "the robot's joints (--calibration)",
  task: '--task',
  scene: '--scene',
  sceneMap: '--scene-map',
  gap: '* in --gap',
  execute: '--execute',
  'integration.steps': '--steps',
  'integration.solver': '--solver',
  'integration.times': '--times',
  join: '--join',
  delay: '--delay',
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const inWords = (value: unknown) =>
  value === undefined ? 'none' : typeof value === 'string' ? value : JSON.stringify(value);

/** The differences between two values, one line each; objects are compared key by key. */
function differences(name: string, then: unknown, now: unknown): string[] {
  if (isObject(then) && isObject(now)) {
    const keys = new Set([...Object.keys(then), ...Object.keys(now)]);
    return [...keys].flatMap((key) => differences(`${name}.${key}`, then[key], now[key]));
  }
  const [before, after] = [inWords(then), inWords(now)];
  return before === after ? [] : [settingDifference(name, { then: before, now: after }, NAMES)];
}

/**
 * A folder's settings: from its record or, without one, derived by `held`. Throws a `UserError` for a record that
 * cannot be read.
 */
export async function readBeginning(
  folder: string,
  held: () => Promise<Beginning> = () => Promise.resolve({}),
): Promise<Beginning> {
  const path = join(folder, BEGUN);
  if (!(await isThere(path))) return held();
  const begun = await readJson(path);
  if (!isObject(begun))
    throw new UserError(`${path}: does not hold a JSON object; remove it`, {
      kind: 'invalid',
      subject: path,
    });
  return begun;
}

/** Throws a `UserError` that names all differences between a folder's settings and `now`. */
export async function demandBeginning(
  folder: string,
  now: Beginning,
  held: () => Promise<Beginning>,
): Promise<void> {
  const then = await readBeginning(folder, held);
  const common = Object.keys(now).filter(
    (name) => then[name] !== undefined && now[name] !== undefined,
  );
  const faults = common.flatMap((name) => differences(name, then[name], now[name]));
  if (faults.length > 0)
    throw new UserError(
      `${folder} was begun otherwise; go on as it was begun, or choose another folder:${listed(faults)}`,
      { kind: 'mismatch', subject: folder },
    );
}

/** Records a folder's settings, unless they are recorded already. */
export async function recordBeginning(folder: string, now: Beginning): Promise<void> {
  const path = join(folder, BEGUN);
  if (!(await isThere(path))) await writeWhole(path, `${JSON.stringify(now, null, 2)}\n`);
}

/** The settings of a method on which the meaning of its state depends. */
export interface StateSettings {
  seed: number;
  trainable: Trainable;
  /** Of a method with critics. */
  gamma?: number;
  critics?: { count: number; hidden: readonly number[] };
}

/** The policy, and the settings of a method on which the meaning of its state depends. */
export function methodBeginning(
  bundle: Pick<Bundle, 'name' | 'base' | 'version'>,
  { seed, trainable, gamma, critics }: StateSettings,
): Beginning {
  const { name, base } = bundle;
  const adapter = adapterVersion(bundle);
  return {
    name,
    policy: base,
    adapter: adapter === base ? 'none' : adapter,
    trainable,
    ...(gamma !== undefined && { gamma }),
    // Critics of earlier versions could also see chunks.
    ...(critics && { critics: { sees: 'moment', count: critics.count, hidden: critics.hidden } }),
    seed,
  };
}
