import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, rename, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { stringify } from 'yaml';
import { type Evaluation, evaluate, readResults } from '../src/adapting/evaluation.ts';
import { type Makers, openMakers } from '../src/rollouts/makers.ts';
import { appendJsonLines, readJsonLines } from '../src/files/jsonLines.ts';
import { type CurvePoint, readCurve } from '../src/learning/curve.ts';
import { isThere } from '../src/files/isThere.ts';
import { packagePath } from '../src/files/packagePath.ts';
import { readAdapterHead } from '../src/policy/bundle/adapter.ts';
import { ignoresNoise } from '../src/policy/families/registry.ts';
import type { LearnedJoin } from '../src/policy/joinKinds.ts';
import { DEFAULT_METHOD, type MethodName } from '../src/learning/methodNames.ts';
import { trainableOf } from '../src/learning/methods.ts';
import { gapSchema } from '../src/sim/gap.ts';
import { ADAPTER_FILE, copyBundle, loadBundle } from '../src/policy/bundle/bundle.ts';
import type { SimTaskName } from '../src/sim/taskNames.ts';

/** What a variant changes of the defaults. */
export interface Variant {
  /** `nalu adapt --method`; fpo where absent. */
  method?: MethodName;
  /** Begins with what another variant, listed before it, made of the same seed. */
  after?: string;
  /** Attempts, in place of the experiment's. */
  episodes?: number;
  /** Updates between evaluations on the way; 5 where absent. */
  evaluateEvery?: number;
  /** Of the method's configuration. */
  fpo?: object;
  exploration?: object;
  /** In the place of FPO: imitation of the successes among the episodes of another variant's run. */
  imitates?: string;
}

/** A policy on a robot, and the ways in which it is adapted. */
export interface Experiment {
  about: string;
  /** Bundle, in the package. */
  policy: string;
  /** How it is made where it is not there; it is shipped where absent. */
  trained?: { demonstrations: number; steps: number };
  /** transfer-cube where absent. */
  task?: SimTaskName;
  /** See gapSchema. */
  gap?: object;
  /** Rows of a chunk to play, instead of the bundle's. */
  execute?: number;
  /** Network calls a chunk, instead of the bundle's. */
  steps?: number;
  /** How chunks take over from the one in play; swap where absent. */
  join?: LearnedJoin;
  /** How late a chunk comes, ms. */
  delay?: number;
  /** What all variants change of FPO's configuration. */
  fpo?: object;
  variants: Record<string, Variant>;
  seeds: readonly number[];
  episodes: number;
  /** Held-out attempts of an evaluation on the way. */
  curveAttempts: number;
  /** The same at the end. */
  finalAttempts: number;
}

/** A line of the results. */
export interface Adaptation {
  experiment: string;
  variant: string;
  seed: number;
  /** On the way. */
  curve: Evaluation[];
  /** The attempts that each update learned from, which explore. */
  explored?: CurvePoint[];
  /** At the end. */
  final: Evaluation;
}

const RESULTS = packagePath('docs/adaptations.jsonl');
const RUNS = packagePath('runs/adaptations');
/** Variant under which the policy as it was before is measured. */
export const PRIOR = 'prior';
/** The same, on the robot of its demonstrations. */
export const NOMINAL = 'prior without the gap';

/** Of imitation: an epoch over some 2,000 chunks is 60 steps. */
const IMITATION = { steps: 600, rate: 1e-4 };

export const readAdaptations = (): Promise<Adaptation[]> => readJsonLines(RESULTS);

/** Runs `nalu`, which shows its own progress; false if it was stopped by hand. */
async function nalu(args: readonly string[]): Promise<boolean> {
  console.log(`nalu ${args.join(' ')}`);
  const child = spawn(process.execPath, [packagePath('dist/src/cli.js'), ...args], {
    stdio: 'inherit',
    // In a group of its own it hears of a terminal's Ctrl-C from here, once, and ends in its own time.
    detached: true,
  });
  const pass = (signal: NodeJS.Signals) => child.kill(signal);
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.on(signal, pass);
  const [code] = (await once(child, 'exit')) as [number | null];
  for (const signal of signals) process.off(signal, pass);
  if (code === 130) return false;
  // It has said why.
  if (code !== 0) process.exit(code ?? 1);
  return true;
}

/** The options of `nalu adapt` that say who makes attempts. */
const optionsOf = ({ processes, workers, keys }: Makers): string[] =>
  workers === undefined
    ? ['--processes', String(processes)]
    : ['--workers', workers, ...(keys === undefined ? [] : ['--keys', keys])];

/** Successes of a policy on the experiment's robot. */
async function measure(
  experiment: Experiment,
  policy: string,
  adapter: string | undefined,
  makers: Makers,
): Promise<Omit<Evaluation, 'episodes'>> {
  const { task = 'transfer-cube', gap, execute, steps, join: how, delay } = experiment;
  const { variants, finalAttempts } = experiment;
  const [{ method = DEFAULT_METHOD }] = Object.values(variants);
  const pool = await openMakers(
    {
      policy,
      task,
      // All variants are of one policy, and of what learns in it.
      trainable: await trainableOf(method, undefined),
      executeSteps: execute,
      ...(steps !== undefined && { integration: { steps } }),
      ...(how && { join: how }),
      ...(delay !== undefined && { delay }),
      ...(gap && { gap: gapSchema.parse(gap) }),
    },
    makers,
    console.error,
  );
  try {
    if (adapter !== undefined) await pool.adopt(adapter);
    const head = adapter === undefined ? undefined : await readAdapterHead(adapter);
    const isNoiseIgnored = ignoresNoise(await loadBundle(policy), head);
    const asked = { attempts: finalAttempts, isNoiseIgnored };
    return { attempts: finalAttempts, ...(await evaluate(pool, asked, () => undefined)) };
  } finally {
    await pool.close();
  }
}

const folderOf = (name: string, variant: string, seed: number) =>
  join(RUNS, name, `${variant.replaceAll(/[^a-z]+/gi, '-')}-${seed}`);

type Measured = Pick<Adaptation, 'curve' | 'explored' | 'final'>;

/** A copy of a policy with the adapter that a run has made of it. */
async function adapted(policy: string, run: string, folder: string): Promise<string> {
  if (await isThere(folder)) return folder;
  await copyBundle(await loadBundle(policy), folder);
  await copyFile(join(run, 'runtime', 'newest.safetensors'), join(folder, ADAPTER_FILE));
  return folder;
}

/** Trains an experiment's policy, unless it is there; false if it was stopped by hand. */
async function makePolicy({ policy, trained, task }: Experiment): Promise<boolean> {
  const out = packagePath(policy);
  if (!trained || (await isThere(out))) return true;
  const { demonstrations, steps } = trained;
  const demos = `${out}-demos`;
  // Whole once it lies at its place.
  const begun = join(dirname(out), 'begun', basename(out));
  const ofTask = task ? ['--task', task] : [];
  const made = await nalu(['demos', demos, '--episodes', String(demonstrations), ...ofTask]);
  const how = ['--steps', String(steps), '--attempts', '0'];
  const goesOn = (await isThere(begun)) ? ['--resume'] : [];
  if (!made || !(await nalu(['imitate', demos, '--out', begun, ...how, ...goesOn]))) return false;
  await rename(begun, out);
  return true;
}

/** Adapts, and measures what came of it; undefined if it was stopped by hand. */
async function adapt(
  name: string,
  experiment: Experiment,
  variant: string,
  seed: number,
  makers: Makers,
): Promise<Measured | undefined> {
  const { task, gap, execute, steps, join: how, delay, curveAttempts } = experiment;
  const { exploration, method, after, evaluateEvery = 5, ...own } = experiment.variants[variant];
  const episodes = own.episodes ?? experiment.episodes;
  const fpo = (experiment.fpo ?? own.fpo) && { ...experiment.fpo, ...own.fpo };
  const folder = folderOf(name, variant, seed);
  await mkdir(folder, { recursive: true });
  const shipped = packagePath(experiment.policy);
  const policy =
    after === undefined
      ? shipped
      : await adapted(shipped, folderOf(name, after, seed), join(folder, 'policy'));
  const files: string[] = [];
  for (const [option, content] of Object.entries({ gap, config: fpo, exploration })) {
    if (!content) continue;
    const file = join(folder, `${option}.yaml`);
    await writeFile(file, stringify(content));
    files.push(`--${option}`, file);
  }
  const done = await nalu([
    ...['adapt', folder, '--policy', policy, ...files],
    ...(task ? ['--task', task] : []),
    ...(method ? ['--method', method] : []),
    ...(execute === undefined ? [] : ['--execute', String(execute)]),
    ...(steps === undefined ? [] : ['--steps', String(steps)]),
    ...(how ? ['--join', how] : []),
    ...(delay === undefined ? [] : ['--delay', String(delay)]),
    ...['--episodes', String(episodes), '--seed', String(seed), ...optionsOf(makers)],
    ...['--evaluate-every', String(evaluateEvery), '--attempts', String(curveAttempts)],
  ]);
  if (!done) return undefined;
  const adapter = join(folder, 'runtime', 'newest.safetensors');
  const curve = await readResults(folder);
  const [{ points: explored }] = await readCurve(join(folder, 'learner'));
  const counts = await measure(experiment, policy, adapter, makers);
  return { curve, explored, final: { episodes, ...counts } };
}

/** Trains the prior again on the successes among another run's episodes. */
async function imitate(
  name: string,
  experiment: Experiment,
  variant: string,
  seed: number,
  makers: Makers,
): Promise<Measured | undefined> {
  const { policy, episodes, variants } = experiment;
  const recorded = join(folderOf(name, variants[variant].imitates!, seed), 'learner', 'episodes');
  const out = folderOf(name, variant, seed);
  const { steps, rate } = IMITATION;
  const done = await nalu([
    ...['imitate', recorded, '--from', packagePath(policy), '--out', out, '--train', 'expert'],
    ...['--steps', String(steps), '--rate', String(rate), '--seed', String(seed)],
    ...['--no-augmentation', '--attempts', '0'],
  ]);
  if (!done) return undefined;
  return {
    curve: [],
    final: { episodes, ...(await measure(experiment, out, undefined, makers)) },
  };
}

export interface RunOptions {
  makers: Makers;
  /** Only this seed, or variant. */
  seed?: number;
  variant?: string;
}

/** Makes the runs of an experiment that have no line in the results yet. */
export async function runExperiment(
  name: string,
  experiment: Experiment,
  { makers, seed: only, variant: single }: RunOptions,
): Promise<void> {
  const isKnown = async (variant: string, seed: number) =>
    (await readAdaptations()).some(
      (one) => one.experiment === name && one.variant === variant && one.seed === seed,
    );
  const write = (line: Adaptation) => appendJsonLines(RESULTS, [line]);

  if (!(await makePolicy(experiment))) return;
  const policy = packagePath(experiment.policy);
  const priors = {
    [PRIOR]: experiment,
    ...(experiment.gap && { [NOMINAL]: { ...experiment, gap: undefined } }),
  };
  for (const [variant, robot] of Object.entries(priors)) {
    if (await isKnown(variant, 0)) continue;
    const final = { episodes: 0, ...(await measure(robot, policy, undefined, makers)) };
    await write({ experiment: name, variant, seed: 0, curve: [], final });
  }
  const seeds = experiment.seeds.filter((seed) => only === undefined || seed === only);
  const variants = Object.keys(experiment.variants).filter(
    (variant) => single === undefined || variant === single,
  );
  for (const seed of seeds)
    for (const variant of variants) {
      if (await isKnown(variant, seed)) continue;
      const run = experiment.variants[variant].imitates === undefined ? adapt : imitate;
      const result = await run(name, experiment, variant, seed, makers);
      if (!result) return;
      await write({ experiment: name, variant, seed, ...result });
    }
}
