import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Experiment, readAdaptations, runExperiment } from './adaptationRun.ts';
import { writeSection } from './markdown.ts';
import { drawExperiment, speedTable, tableOf } from './adaptationReport.ts';
import { endWithHelp } from '../bench/help.ts';
import { packagePath } from '../src/files/packagePath.ts';

/** A policy that writes tokens. */
const FAST = 'models/aloha-mini-fast';

/** Those that were measured before fewer network calls were known to do better. */
const TEN = { steps: 10 };

const CAMERAS = {
  ...TEN,
  about: 'aloha-mini-12k, every camera 2.1 mm off',
  policy: 'models/aloha-mini-12k',
  gap: { cameraShift: [0.0021, 0, 0] },
};

/** A whole other robot but for where its cameras went: grippers too, 40 ms later, less friction. */
const ROBOT = {
  policy: 'models/aloha-mini-varied',
  gap: { cameraTilt: 3, gripperOffset: 0.02, delay: 2, friction: 0.7 },
};

/** Exploration of where the policy looks first, and later of what it does. */
const VIEW = { size: 0.01, view: 0.03, later: { size: 0.02, view: 0.01, attempts: 512 } };

/** Updates go as far as the first ones all the way. */
const LONG = { decay: { share: 1 } };

/** What ends an update early looks at its ratios: it goes with them, and with the clip. */
const NEVER = { maxKl: 1000, maxClipFraction: 1 };
const UNCLIPPED = { ablation: { clipping: false }, trustRegion: NEVER };

/** What each experiment changes of the defaults; the shipped policies are in models. */
const EXPERIMENTS: Record<string, Experiment> = {
  transfer: {
    ...TEN,
    about: 'aloha-mini-12k, every camera 2 mm off and half a millimetre aside',
    policy: 'models/aloha-mini-12k',
    gap: { cameraShift: [0.002, 0.0005, 0] },
    variants: { 'full method': {}, 'filtered imitation': { imitates: 'full method' } },
    seeds: [0, 1, 2],
    episodes: 640,
    curveAttempts: 40,
    finalAttempts: 200,
  },
  methods: {
    about: 'ways to learn at the same gap as transfer, two network calls a chunk',
    policy: 'models/aloha-mini-12k',
    gap: { cameraShift: [0.002, 0.0005, 0] },
    steps: 2,
    variants: {
      view: { method: 'view', episodes: 144, evaluateEvery: 3 },
      offset: { method: 'offset', episodes: 144, evaluateEvery: 3 },
      ticket: { method: 'ticket', episodes: 144, evaluateEvery: 3 },
      'fpo-replay': { method: 'fpo-replay', episodes: 240, evaluateEvery: 5 },
      'fpo-replay, fresh chunks': {
        ...{ method: 'fpo-replay', episodes: 240, evaluateEvery: 5 },
        fpo: { fpo: { fresh: {} } },
      },
      'fpo-replay, own successes': {
        ...{ method: 'fpo-replay', episodes: 240, evaluateEvery: 5 },
        fpo: { fpo: { imitation: 1 } },
      },
      'fpo-replay, dense reward': {
        ...{ method: 'fpo-replay', episodes: 240, evaluateEvery: 5 },
        fpo: { denseReward: {} },
      },
      'in-sample': { method: 'in-sample', episodes: 240, evaluateEvery: 5 },
      preference: { method: 'preference', episodes: 240, evaluateEvery: 5 },
      filtered: { method: 'filtered', episodes: 240, evaluateEvery: 5 },
      choice: { method: 'choice', episodes: 240, evaluateEvery: 5 },
      edits: { method: 'edits', episodes: 240, evaluateEvery: 5 },
      steer: { method: 'steer', episodes: 240, evaluateEvery: 5 },
      'fpo-replay with choice': {
        ...{ method: 'fpo-replay', episodes: 240, evaluateEvery: 5 },
        fpo: { choice: { candidates: 8 } },
      },
      fpo: { exploration: { initialNoise: 1 } },
      'fpo, exploring less later': {
        exploration: { initialNoise: 1, later: { size: 0.01, attempts: 384 } },
      },
      'fpo from zero noise': {},
      'flow-ppo': { method: 'flow-ppo', exploration: { initialNoise: 1 } },
      'filtered imitation': { imitates: 'fpo' },
    },
    seeds: [0, 1, 2],
    episodes: 640,
    curveAttempts: 40,
    finalAttempts: 200,
  },
  'methods-late': {
    about: 'the gap of transfer, two network calls a chunk, each 200 ms late',
    policy: 'models/aloha-mini-12k',
    gap: { cameraShift: [0.002, 0.0005, 0] },
    steps: 2,
    join: 'approximate',
    delay: 200,
    variants: { view: { method: 'view', episodes: 192, evaluateEvery: 3 } },
    seeds: [0, 1],
    episodes: 192,
    curveAttempts: 40,
    finalAttempts: 200,
  },
  // As soon as there is such a policy.
  ...(existsSync(packagePath(FAST)) && {
    'methods-fast': {
      about: 'ways to learn of a policy that writes tokens, at the same gap as transfer',
      policy: FAST,
      gap: { cameraShift: [0.002, 0.0005, 0] },
      variants: { grpo: { method: 'grpo' }, ppo: { method: 'ppo' } },
      seeds: [0, 1, 2],
      episodes: 640,
      curveAttempts: 40,
      finalAttempts: 200,
    } satisfies Experiment,
  }),
  'robot-methods': {
    ...ROBOT,
    about: 'the same gap as robot, two network calls a chunk',
    gap: { ...ROBOT.gap, cameraShift: [0, 0, -0.02] },
    steps: 2,
    variants: {
      view: { method: 'view', episodes: 240, evaluateEvery: 5 },
      'view, then preference': {
        ...{ after: 'view', method: 'preference', episodes: 144, evaluateEvery: 3 },
        exploration: { size: 0.01 },
      },
      'fpo from zero noise': { exploration: VIEW },
      fpo: { exploration: { ...VIEW, initialNoise: 1 } },
    },
    seeds: [0, 1, 2],
    episodes: 960,
    curveAttempts: 40,
    finalAttempts: 200,
  },
  weak: {
    about: 'a policy of 50 demonstrations on the robot of these, two network calls a chunk',
    policy: 'runs/priors/transfer-cube-50',
    trained: { demonstrations: 50, steps: 2500 },
    steps: 2,
    variants: {
      'fpo-replay': { method: 'fpo-replay' },
      preference: { method: 'preference' },
      filtered: { method: 'filtered' },
    },
    seeds: [0, 1],
    episodes: 240,
    curveAttempts: 40,
    finalAttempts: 200,
  },
  cameras: {
    ...CAMERAS,
    variants: { 'full method': {} },
    seeds: [0, 1, 2],
    episodes: 1600,
    curveAttempts: 40,
    finalAttempts: 40,
  },
  robot: {
    ...TEN,
    ...ROBOT,
    about: 'aloha-mini-varied, cameras 2 cm along −z and 3° off, and all else',
    gap: { ...ROBOT.gap, cameraShift: [0, 0, -0.02] },
    variants: {
      'full method': { exploration: VIEW },
      'steps stay long': { exploration: VIEW, fpo: { trustRegion: LONG } },
      'joints explored alone': { exploration: { size: 0.03 }, fpo: { trustRegion: LONG } },
    },
    seeds: [0, 1, 2],
    episodes: 960,
    curveAttempts: 40,
    finalAttempts: 200,
  },
  'robot-x': {
    ...TEN,
    ...ROBOT,
    about: 'aloha-mini-varied, cameras 2 cm along x and 3° off, and all else',
    gap: { ...ROBOT.gap, cameraShift: [0.02, 0, 0] },
    variants: { 'full method': { exploration: VIEW } },
    seeds: [0, 1],
    episodes: 512,
    curveAttempts: 40,
    finalAttempts: 200,
  },
  insertion: {
    ...TEN,
    about: 'aloha-mini-insertion, every camera 2.2 mm aside',
    policy: 'models/aloha-mini-insertion',
    task: 'insertion',
    gap: { cameraShift: [0, 0.0022, 0] },
    variants: { 'full method': {} },
    seeds: [0],
    episodes: 640,
    curveAttempts: 40,
    finalAttempts: 100,
  },
  'insertion-methods': {
    about: 'aloha-mini-insertion without any gap, two network calls a chunk',
    policy: 'models/aloha-mini-insertion',
    task: 'insertion',
    steps: 2,
    variants: {
      offset: { method: 'offset', episodes: 144, evaluateEvery: 3 },
      view: { method: 'view', episodes: 144, evaluateEvery: 3 },
      'fpo-replay': { method: 'fpo-replay', evaluateEvery: 12 },
      preference: { method: 'preference', evaluateEvery: 12 },
    },
    seeds: [0, 1],
    episodes: 592,
    curveAttempts: 40,
    finalAttempts: 200,
  },
  ablations: {
    ...CAMERAS,
    about: `${CAMERAS.about}; at ten and three times the default rate`,
    fpo: { rate: 0.1, epochs: 4, trustRegion: LONG },
    variants: {
      'full method': {},
      'no ratio': { fpo: { ablation: { ratio: 'none' }, trustRegion: NEVER } },
      'no clipping': { fpo: UNCLIPPED },
      'single-step exploration': { exploration: { steps: 1, correlation: 0, persistence: 0 } },
      'single critic': { fpo: { critics: { count: 1 } } },
      'full method, rate 0.03': { fpo: { rate: 0.03 } },
      'no clipping, rate 0.03': { fpo: { ...UNCLIPPED, rate: 0.03 } },
    },
    seeds: [0, 1],
    episodes: 448,
    curveAttempts: 0,
    finalAttempts: 100,
  },
};

const HELP = `npm run adaptations -- [NAME ...] [--seed N] [--processes N | --workers nats://HOST:PORT [--keys DIR]]

Adapts policies in the simulator and measures what comes of it; each run goes on where it was stopped.
Runs are kept in runs/adaptations, figures in docs/adaptations.jsonl, from which the pictures are drawn.

${Object.entries(EXPERIMENTS)
  .map(
    ([name, { about, seeds, episodes }]) =>
      `  ${name.padEnd(15)}${about}; ${episodes} episodes, seeds ${seeds.join(', ')}`,
  )
  .join('\n')}`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string' },
    variant: { type: 'string' },
    processes: { type: 'string', default: '2' },
    workers: { type: 'string' },
    keys: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const unknown = positionals.find((name) => !(name in EXPERIMENTS));
if (values.help || unknown !== undefined || positionals.length === 0)
  endWithHelp(HELP, values.help, 'no experiment', unknown);
for (const name of positionals) {
  const experiment = EXPERIMENTS[name];
  await runExperiment(name, experiment, {
    makers: { processes: Number(values.processes), workers: values.workers, keys: values.keys },
    seed: values.seed === undefined ? undefined : Number(values.seed),
    variant: values.variant,
  });
  const results = (await readAdaptations()).filter((one) => one.experiment === name);
  await drawExperiment(name, experiment, results);
  const tables = `${tableOf(experiment, results)}\n\n${speedTable(experiment, results)}`;
  console.log(tables);
  await writeSection('docs/adapting-results.md', name, tables);
}
