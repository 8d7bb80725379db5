import type { JoinKind } from '../policy/joinKinds.ts';

/** Number of past chunks whose delays predict the next one's (arXiv 2506.07339). */
const FORECAST_FROM = 10;

export interface ScheduleOptions {
  /** Control steps from a chunk's observation to its turn, at least. */
  lead: number;
  /** Rows of a chunk to play. */
  executeSteps: number;
  /** Rows that a chunk has. */
  horizon: number;
  /** Whether the robot's time stops while a chunk is sampled; the delay is then exactly the lead. */
  awaitChunks: boolean;
  join: JoinKind;
}

/**
 * Decides when chunks are requested and when they take over, in control steps. The next chunk is requested
 * `executeSteps` after the observation of the chunk in play, regardless of when that chunk arrived, and takes over as
 * soon as it arrives. A chunk's delay therefore never postpones the next request, and a chunk is in time if it takes no
 * longer than the `horizon − executeSteps` rows that are left.
 */
export interface ChunkSchedule {
  /** Predicted delay of the next chunk: the largest recent delay, from `lead` to `horizon − executeSteps`. */
  predictedDelay(): number;
  isTimeToAsk(step: number): boolean;
  isTurn(step: number): boolean;
  /** A chunk was requested. */
  asked(step: number): void;
  /** The chunk requested at step `origin`, which arrived `took` steps later, takes over at `step`. */
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
    predictedDelay: () => Math.max(lead, Math.min(Math.max(0, ...delays), horizon - executeSteps)),
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
