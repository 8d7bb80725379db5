import type { UserError } from '../errors.ts';
import type { EpisodeRecorder } from '../episodes/recordEpisode.ts';
import type { Meters } from '../measure/meters.ts';
import type { ChunkPolicy } from '../policy/chunkPolicy.ts';
import type { Robot, Task } from '../robot/robot.ts';
import type { Heartbeat } from './heartbeat.ts';
import type { ChunkTally, GuardCount } from './tally.ts';

export interface LoopOptions {
  robot: Robot;
  task: Task;
  policy: ChunkPolicy;
  seed: number;
  recorder?: EpisodeRecorder;
  /** Time what the attempts of a run take, this one among them. */
  meters?: Meters;
  /** Control steps from a chunk's observation to its turn, at least. */
  lead: number;
  /** Whether a control step waits for its chunk; never on a robot whose time goes on. */
  awaitChunks: boolean;
  /** What must keep beating while the robot moves, if anything must. */
  heartbeat?: Heartbeat;
  signal?: AbortSignal;
  /** Hears the counts whenever a chunk begins to be played. */
  onChunk?: (counts: LoopCounts) => void;
  /** Hears what a person should know of an attempt that goes on. */
  warn?: (text: string) => void;
}

/** What an attempt's loop counts; kept up to date while it runs. */
export interface LoopCounts {
  steps: number;
  missedSteps: number;
  heldSteps: number;
  starvedSteps: number;
  chunks: number;
  stagedReward: number;
  chunkTally: ChunkTally;
  guard: Map<string, GuardCount>;
}

/** Why the loop ended; `problem` if something stopped it. */
export interface LoopEnd {
  end: 'success' | 'failure' | 'aborted' | 'stopped';
  problem: UserError | null;
}
