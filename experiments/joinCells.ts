import { appendJsonLines, readJsonLines } from '../src/files/jsonLines.ts';
import { packagePath } from '../src/files/packagePath.ts';
import type { JoinKind } from '../src/policy/joinKinds.ts';
import type { AttemptFigures } from './attemptRun.ts';

/** A way to join chunks at one delay, over many attempts. */
export interface JoinCell extends AttemptFigures {
  join: JoinKind;
  /** Milliseconds. */
  delay: number;
  execute: number;
}

const RESULTS = packagePath('docs/joins.jsonl');

export const readCells = (): Promise<JoinCell[]> => readJsonLines(RESULTS);

export const writeCell = (cell: JoinCell) => appendJsonLines(RESULTS, [cell]);
