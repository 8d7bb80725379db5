import type { JoinKind } from '../policy/joining.ts';

/** Chunks whose delays foretell that of the next one (arXiv 2506.07339). */
const FORECAST_FROM = 10;

export interface ScheduleOptions {
  /** Control steps before its turn at which a chunk is asked for, at least. */
  lead: number;
  /** Rows of a chunk to play. */
  executeSteps: number;
  /** Whether time stands still while a chunk is sampled; it then takes as long as the lead says. */
  awaitChunks: boolean;
  join: JoinKind;
}

/** When chunks are asked for, and when they take over; in control steps. */
export interface ChunkSchedule {
  /** How many steps the next chunk will take: as many as the slowest of the last ones. */
  foreseen(): number;
  isTimeToAsk(step: number): boolean;
  isTurn(step: number): boolean;
  /** A chunk was asked for. */
  asked(step: number): void;
  /** A chunk took over, so many steps after its observation. */
  tookOver(step: number, delay: number): void;
}

export function createChunkSchedule({
  lead,
  executeSteps,
  awaitChunks,
  join,
}: ScheduleOptions): ChunkSchedule {
  let askAt = 0;
  let turn = 0;
  let delays: number[] = [];
  const foreseen = () => Math.max(lead, ...delays);
  return {
    foreseen,
    isTimeToAsk: (step) => step >= askAt,
    isTurn: (step) => step >= turn,
    asked(step) {
      if (awaitChunks) turn = Math.max(turn, step + lead);
    },
    tookOver(step, delay) {
      delays = [...delays, delay].slice(-FORECAST_FROM);
      turn = step + executeSteps;
      askAt = join === 'synchronous' ? turn : Math.max(step, turn - foreseen());
    },
  };
}
