import type { UserError } from '../errors.ts';
import type { EpisodeRecorder } from '../episodes/recordEpisode.ts';
import type { Meters } from '../measure/meters.ts';
import type { ChunkPolicy } from '../policy/chunkPolicy.ts';
import type { Robot, Task } from '../robot/robot.ts';
import type { Heartbeat } from './heartbeat.ts';
import type { SampledChunk } from './sampledChunk.ts';
import type { ChunkTally, GuardCount } from './tally.ts';

export interface LoopOptions {
  robot: Robot;
  task: Task;
  policy: ChunkPolicy;
  seed: number;
  recorder?: EpisodeRecorder;
  /** Timing of a run's attempts, including this one. */
  meters?: Meters;
  /** Control steps from a chunk's observation to its turn, at least. */
  lead: number;
  /** Whether a control step waits for its chunk; false on a robot whose time advances by itself. */
  awaitChunks: boolean;
  /** Signal that must stay alive while the robot moves, if one is required. */
  heartbeat?: Heartbeat;
  signal?: AbortSignal;
  /** Called with the counts whenever a chunk is put in play, and with the chunk. */
  onChunk?: (counts: LoopCounts, chunk: SampledChunk) => void;
  /** Called with warnings for the operator; the attempt goes on. */
  warn?: (text: string) => void;
}

/** Counts of an attempt's loop, updated while it runs. */
export interface LoopCounts {
  steps: number;
  missedSteps: number;
  heldSteps: number;
  starvedSteps: number;
  chunks: number;
  /** Those of `chunks` whose tokens decode to too few or too many numbers, which were padded or cut. */
  mendedChunks: number;
  /** Answers of the policy whose tokens are no chunk. */
  refusedChunks: number;
  stagedReward: number;
  chunkTally: ChunkTally;
  guard: Map<string, GuardCount>;
}

/** Why the loop ended; `problem` if something stopped it. */
export interface LoopEnd {
  end: 'success' | 'failure' | 'aborted' | 'stopped';
  problem: UserError | null;
}
