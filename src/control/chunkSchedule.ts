import type { JoinKind } from '../policy/joinKinds.ts';

/** Chunks whose delays foretell that of the next one (arXiv 2506.07339). */
const FORECAST_FROM = 10;

export interface ScheduleOptions {
  /** Control steps from a chunk's observation to its turn, at least. */
  lead: number;
  /** Rows of a chunk to play. */
  executeSteps: number;
  /** Rows that a chunk has. */
  horizon: number;
  /** Whether time stands still while a chunk is sampled; it then takes as long as the lead says. */
  awaitChunks: boolean;
  join: JoinKind;
}

/**
 * When chunks are asked for, and when they take over; in control steps. One is asked for `executeSteps` after the
 * observation of the one in play, whenever that came, and takes over as soon as it is there: no chunk waits for
 * another's delay, and none comes too late that takes no longer than the rows that are then left,
 * `horizon − executeSteps`.
 */
export interface ChunkSchedule {
  /** How many steps the next chunk will take: as many as the slowest of the last ones, if it has rows for that. */
  foreseen(): number;
  isTimeToAsk(step: number): boolean;
  isTurn(step: number): boolean;
  /** A chunk was asked for. */
  asked(step: number): void;
  /** A chunk took over that was asked for at step `origin` and was there `took` steps later. */
  tookOver(step: number, origin: number, took: number): void;
}

export function createChunkSchedule({
  lead,
  executeSteps,
  horizon,
  awaitChunks,
  join,
}: ScheduleOptions): ChunkSchedule {
  const standsStill = join === 'synchronous';
  let askAt = 0;
  let turn = 0;
  let delays: number[] = [];
  return {
    foreseen: () => Math.max(lead, Math.min(Math.max(0, ...delays), horizon - executeSteps)),
    isTimeToAsk: (step) => step >= askAt,
    isTurn: (step) => step >= turn,
    asked(step) {
      turn = standsStill && !awaitChunks ? step : step + lead;
    },
    tookOver(step, origin, took) {
      if (!awaitChunks) delays = [...delays, took].slice(-FORECAST_FROM);
      const end = step + executeSteps;
      askAt = standsStill ? end : Math.max(step, Math.min(end - lead, origin + executeSteps));
    },
  };
}
