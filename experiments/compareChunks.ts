import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readEpisode } from '../src/episodes/readEpisode.ts';
import { packagePath } from '../src/files/packagePath.ts';
import {
  type Demonstration,
  gatherDemonstrations,
} from '../src/learning/imitation/demonstrations.ts';
import { loadBundle } from '../src/policy/bundle/bundle.ts';
import { type Integration, SOLVERS, integrationKey } from '../src/policy/integration.ts';
import { recordDemos } from '../src/rollouts/recordDemos.ts';
import { type Observed, REFERENCE, figuresOf, sampleChunks, scaleOf } from './chunkFigures.ts';
import { nearestGrid } from './flowGrid.ts';
import {
  type Cell,
  type StudiedPolicy,
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

/** Demonstrations whose observations chunks are compared at. */
const DEMOS = 8;
const DEMO_SEED = 900_000;
const OBSERVATIONS = 24;
const NOISES = 16;

/** Observations of the scripted expert's demonstrations, recorded where they are not there yet. */
async function observe({ name, task }: StudiedPolicy, processes: number): Promise<Observed> {
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

/** Every solver at its network calls, by equal steps. */
export const uniform: Integration[] = SOLVERS.flatMap((solver) =>
  CALLS[solver].map((steps) => ({ steps, solver })),
);

/** Chunks of a policy by every integration, beside the reference's; the grids are searched first. */
export async function compareChunks(policy: StudiedPolicy, processes: number): Promise<void> {
  const cells = await readCells();
  const lacking = (all: readonly Cell[]) =>
    [...uniform, ...gridsOf(all, policy)].filter((one) => !chunksIn(all, policy.name, one));
  const grids = GRIDS.filter((steps) => !gridIn(cells, policy.name, steps));
  if (grids.length === 0 && lacking(cells).length === 0) return;
  console.log(`${policy.name}: comparing chunks`);
  const observed = await observe(policy, processes);
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

/** Euler's steps at the times that were searched for a policy. */
export const gridsOf = (cells: readonly Cell[], { name }: StudiedPolicy): Integration[] =>
  GRIDS.flatMap((steps) => {
    const grid = gridIn(cells, name, steps);
    return grid ? [{ steps, solver: 'euler' as const, times: grid.times }] : [];
  });
