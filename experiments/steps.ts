import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { endWithHelp } from '../bench/help.ts';
import { readEpisode } from '../src/episodes/readEpisode.ts';
import { packagePath } from '../src/files/packagePath.ts';
import {
  type Demonstration,
  gatherDemonstrations,
} from '../src/learning/imitation/demonstrations.ts';
import { loadBundle } from '../src/policy/bundle/bundle.ts';
import { type Integration, SOLVERS, integrationKey } from '../src/policy/integration.ts';
import { recordDemos } from '../src/rollouts/recordDemos.ts';
import { duration } from '../src/terminal/speaker.ts';
import { runAttempts, summarise } from './attemptRun.ts';
import { type Observed, REFERENCE, figuresOf, sampleChunks, scaleOf } from './chunkFigures.ts';
import { nearestGrid } from './flowGrid.ts';
import { drawSteps, stepsTables } from './stepReport.ts';
import {
  type AttemptKey,
  type Cell,
  POLICIES,
  type StudiedPolicy,
  attemptsIn,
  bundleOf,
  chunksIn,
  gridIn,
  readCells,
  writeCell,
} from './stepCells.ts';

/** Network calls of each solver. */
const CALLS = {
  euler: [1, 2, 3, 4, 5, 10],
  midpoint: [2, 4, 10],
  heun: [3, 5, 9],
  'adams-bashforth': [2, 3, 4, 5, 10],
} as const;
/** Steps for which times are searched. */
const GRIDS = [2, 3, 4];

/** Held-out seeds: no policy's demonstrations have them. */
const FIRST_SEED = 5000;
/** Control steps that a chunk takes to be there, as in `nalu sim`. */
const DELAY = 2;
/** Demonstrations whose observations chunks are compared at. */
const DEMOS = 8;
const DEMO_SEED = 900_000;
const OBSERVATIONS = 24;
const NOISES = 16;

const HELP = `npm run steps -- [POLICY ...] [--solver NAME ...] [--noise random|zero] [--attempts N] [--processes N]

How the flow's integration decides success: attempts by network calls, solver and initial noise, for each
shipped policy, and the distance of chunks from those of ${REFERENCE.steps} steps. Cells that have their attempts in
docs/steps.jsonl are not made again; more attempts are added to those that are there. Table and picture are
drawn of all.

  ${POLICIES.map(({ name }) => name).join(', ')}
  ${SOLVERS.join(', ')}, grid (Euler's steps at times searched for the policy)`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    solver: { type: 'string', multiple: true },
    noise: { type: 'string', multiple: true },
    steps: { type: 'string', multiple: true },
    attempts: { type: 'string', default: '200' },
    processes: { type: 'string', default: '2' },
    help: { type: 'boolean', default: false },
  },
});
const unknown = positionals.find((name) => !POLICIES.some((policy) => policy.name === name));
if (values.help || unknown !== undefined)
  endWithHelp(HELP, values.help, 'no shipped policy', unknown);

const processes = Number(values.processes);
const attempts = Number(values.attempts);
const policies = POLICIES.filter(
  ({ name }) => positionals.length === 0 || positionals.includes(name),
);
const isWanted = (name: string) => values.solver === undefined || values.solver.includes(name);
const noises = (['random', 'zero'] as const).filter(
  (noise) => values.noise === undefined || values.noise.includes(noise),
);

/** Observations of the scripted expert's demonstrations, recorded where they are not there yet. */
async function observe({ name, task }: StudiedPolicy): Promise<Observed> {
  const folder = packagePath(`runs/steps/${task}`);
  await mkdir(folder, { recursive: true });
  const seeds = Array.from({ length: DEMOS }, (_, i) => DEMO_SEED + i);
  if ((await readdir(folder)).length < DEMOS)
    await recordDemos({
      settings: { folder, task, every: 25 },
      seeds,
      processes,
      onDemo: () => undefined,
      signal: new AbortController().signal,
    });
  const bundle = await loadBundle(bundleOf({ name, task }));
  const { horizon, images } = bundle.shape;
  const [{ width: side }] = images;
  const files = (await readdir(folder)).filter((file) => file.endsWith('.mcap')).sort();
  const { demonstrations } = await gatherDemonstrations(
    files.map((file) => join(folder, file)),
    readEpisode,
    { embodiment: bundle.embodiment, cameras: bundle.cameras, side, horizon },
  );
  const every = demonstrations.length / OBSERVATIONS;
  const chosen = Array.from({ length: OBSERVATIONS }, (_, i): Demonstration => {
    return demonstrations[Math.floor(i * every)];
  });
  return { demonstrations: chosen, side, noises: NOISES, scale: scaleOf(demonstrations) };
}

const uniform: Integration[] = SOLVERS.flatMap((solver) =>
  CALLS[solver].map((steps) => ({ steps, solver })),
);

/** Chunks of a policy by every integration, beside the reference's; the grids are searched first. */
async function compareChunks(policy: StudiedPolicy): Promise<void> {
  const cells = await readCells();
  const lacking = (all: readonly Cell[]) =>
    [...uniform, ...gridsOf(all, policy)].filter((one) => !chunksIn(all, policy.name, one));
  const grids = GRIDS.filter((steps) => !gridIn(cells, policy.name, steps));
  if (grids.length === 0 && lacking(cells).length === 0) return;
  console.log(`${policy.name}: comparing chunks`);
  const observed = await observe(policy);
  const folder = bundleOf(policy);
  const { chunks: reference } = await sampleChunks(folder, REFERENCE, observed);
  const few = { ...observed, demonstrations: observed.demonstrations.filter((_, i) => i % 2 === 0), noises: 4 }; // prettier-ignore
  const fewReference = reference.filter((_, i) => i % 2 === 0).map((own) => own.slice(0, 4));
  for (const steps of grids) {
    const times = await nearestGrid(folder, steps, few, fewReference);
    await writeCell({ kind: 'grid', policy: policy.name, times });
  }
  for (const integration of lacking(await readCells())) {
    const made = await sampleChunks(folder, integration, observed);
    const figures = figuresOf(made, reference, observed);
    await writeCell({ kind: 'chunks', policy: policy.name, integration, ...figures });
    console.log(
      `  ${integrationKey(integration)}: error ${figures.error.toFixed(3)}, spread ${figures.spread.toFixed(3)}`,
    );
  }
}

const gridsOf = (cells: readonly Cell[], { name }: StudiedPolicy): Integration[] =>
  GRIDS.flatMap((steps) => {
    const grid = gridIn(cells, name, steps);
    return grid ? [{ steps, solver: 'euler' as const, times: grid.times }] : [];
  });

for (const policy of policies) await compareChunks(policy);

const found = await readCells();
const wanted = noises.flatMap((noise) =>
  policies.flatMap((policy) =>
    [
      ...uniform.filter(({ solver }) => isWanted(solver)),
      ...(isWanted('grid') ? gridsOf(found, policy) : []),
    ]
      .filter(({ steps }) => values.steps === undefined || values.steps.includes(String(steps)))
      .map((integration) => ({ policy, integration, noise })),
  ),
);
const made = ({ policy, integration, noise }: (typeof wanted)[number]) =>
  attemptsIn(found, { policy: policy.name, integration, noise })?.attempts ?? 0;
const work = wanted.filter((cell) => made(cell) < attempts);
const total = work.reduce((sum, cell) => sum + attempts - made(cell), 0);
const began = performance.now();
let done = 0;
for (const cell of work) {
  const { policy, integration, noise } = cell;
  const before = made(cell);
  const seeds = Array.from({ length: attempts - before }, (_, i) => FIRST_SEED + before + i);
  const key: AttemptKey = { policy: policy.name, integration, noise };
  const name = `${policy.name}, ${integrationKey(integration)}, ${noise} noise`;
  const say = () => {
    done += 1;
    const left = ((performance.now() - began) / 1000) * (total / done - 1);
    if (process.stdout.isTTY)
      process.stdout.write(`\r${name}: about ${duration(left)} left in all \u001b[K`);
  };
  const run = await runAttempts(
    {
      policy: bundleOf(policy),
      task: policy.task,
      join: 'approximate',
      delay: DELAY,
      integration,
      zeroNoise: noise === 'zero',
    },
    seeds,
    processes,
    say,
  );
  await writeCell({ kind: 'attempts', ...key, ...summarise(run) });
  const { successes, attempts: all } = attemptsIn(await readCells(), key)!;
  console.log(`\r${name}: ${successes} of ${all} succeeded\u001b[K`);
}
const all = await readCells();
await writeFile(packagePath('docs/steps.svg'), drawSteps(all));
console.log(stepsTables(all));
