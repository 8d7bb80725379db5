import { endWithHelp } from '../bench/help.ts';
import { appendJsonLines, readJsonLines } from '../src/files/jsonLines.ts';
import { packagePath } from '../src/files/packagePath.ts';
import { type Integration, integrationKey } from '../src/policy/integration.ts';
import type { SimTaskName } from '../src/sim/taskNames.ts';
import { type AttemptFigures, merged } from './attemptRun.ts';
import type { ChunkFigures } from './chunkFigures.ts';

/** A shipped policy and the task it does. */
export interface StudiedPolicy {
  name: string;
  task: SimTaskName;
}

export const POLICIES: readonly StudiedPolicy[] = [
  { name: 'aloha-mini-12k', task: 'transfer-cube' },
  { name: 'aloha-mini', task: 'transfer-cube' },
  { name: 'aloha-mini-varied', task: 'transfer-cube' },
  { name: 'aloha-mini-insertion', task: 'insertion' },
];

/** First of the held-out seeds: no policy's demonstrations have them. */
export const FIRST_SEED = 5000;
/** Control steps that a chunk takes to be there, as in `nalu sim`. */
export const DELAY = 2;

/** The shipped policies of these names, all where none is named. Ends with `help` where it is asked for, or needed. */
export function policiesNamed(names: readonly string[], isAsked: boolean, help: string) {
  const unknown = names.find((name) => !POLICIES.some((policy) => policy.name === name));
  if (isAsked || unknown !== undefined) endWithHelp(help, isAsked, 'no shipped policy', unknown);
  return POLICIES.filter(({ name }) => names.length === 0 || names.includes(name));
}

export const bundleOf = ({ name }: StudiedPolicy) => packagePath(`models/${name}`);

export type Noise = 'random' | 'zero';

/** Attempts of a policy by one integration. */
export interface AttemptCell extends AttemptFigures {
  kind: 'attempts';
  policy: string;
  integration: Integration;
  noise: Noise;
}

/** Figures of a policy's chunks by one integration, without attempts. */
export interface ChunkCell extends ChunkFigures {
  kind: 'chunks';
  policy: string;
  integration: Integration;
}

/** Times of Euler's steps that come nearest to a fine reference. */
export interface GridCell {
  kind: 'grid';
  policy: string;
  times: number[];
}

export type Cell = AttemptCell | ChunkCell | GridCell;

const RESULTS = packagePath('docs/steps.jsonl');

export const readCells = (): Promise<Cell[]> => readJsonLines(RESULTS);

export const writeCell = (cell: Cell) => appendJsonLines(RESULTS, [cell]);

export interface AttemptKey {
  policy: string;
  integration: Integration;
  noise: Noise;
}

/** The figures of all attempts in a cell, which may have been made in parts; undefined if there are none. */
export function attemptsIn(
  cells: readonly Cell[],
  { policy, integration, noise }: AttemptKey,
): AttemptFigures | undefined {
  const key = integrationKey(integration);
  const parts = cells.filter(
    (cell): cell is AttemptCell =>
      cell.kind === 'attempts' &&
      cell.policy === policy &&
      cell.noise === noise &&
      integrationKey(cell.integration) === key,
  );
  return parts.length > 0 ? merged(parts) : undefined;
}

export const chunksIn = (cells: readonly Cell[], policy: string, integration: Integration) =>
  cells.find(
    (cell): cell is ChunkCell =>
      cell.kind === 'chunks' &&
      cell.policy === policy &&
      integrationKey(cell.integration) === integrationKey(integration),
  );

export const gridIn = (cells: readonly Cell[], policy: string, steps: number) =>
  cells.find(
    (cell): cell is GridCell =>
      cell.kind === 'grid' && cell.policy === policy && cell.times.length === steps + 1,
  );
