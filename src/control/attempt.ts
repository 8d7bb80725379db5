import { UserError } from '../errors.ts';
import { type EpisodeResult, type Outcome, REWARDS } from '../episodes/episode.ts';
import type { Observation } from '../policy/chunkPolicy.ts';
import { isNoChunk } from '../policy/noChunk.ts';
import type { JointState, Robot } from '../robot/robot.ts';
import { whyAborted } from './abort.ts';
import { awaitObservation } from './awaitObservation.ts';
import { runLoop } from './loop.ts';
import { createSynchroniser } from './synchroniser.ts';
import type { Synchroniser } from './synchroniser.ts';
import { noChunks, summarise } from './tally.ts';
import type { ChunkMilliseconds, GuardCount } from './tally.ts';
import { oldestStamp } from './chunkPipeline.ts';
import type { LoopCounts, LoopEnd, LoopOptions } from './loopOptions.ts';

/** One attempt of a task; see LoopOptions for the rest. */
export type AttemptOptions = Omit<LoopOptions, 'lead' | 'awaitChunks'> &
  /** By default 2 and true. */
  Partial<Pick<LoopOptions, 'lead' | 'awaitChunks'>> & {
    /**
     * Whether an attempt has failed, rather than not been judged, that the guard stops or that ends with an answer which
     * is no chunk: in simulation nothing but the policy jams an arm.
     */
    stopFails?: boolean;
    /** Asks a person about an attempt that ran out of time, which otherwise has failed. The arms are at rest. */
    judgement?: () => Promise<Outcome>;
  };

/** How an attempt went. */
export interface AttemptResult {
  seed: number;
  outcome: Outcome;
  /** The task's own staged reward, the largest reached. */
  reward: number;
  success: boolean;
  /** Commands sent. */
  steps: number;
  /** Control steps skipped because the loop was late. */
  missedSteps: number;
  /** Commands that braked or repeated the last one: the guard held, no row was left, or the attempt was ending. */
  heldSteps: number;
  /** Those of `heldSteps` at which the chunk in play had no row left. */
  starvedSteps: number;
  chunks: number;
  /** Those of `chunks` whose tokens decode to too few or too many numbers, which were padded or cut. */
  mendedChunks: number;
  /** Answers of the policy whose tokens are no chunk: one at most, which ends the attempt. */
  refusedChunks: number;
  chunkMs: ChunkMilliseconds | null;
  /** By rule and joint or sensor. */
  guard: GuardCount[];
  /** Joint states refused for a value that is not finite, by joint. */
  refused: Record<string, number>;
  /** What cut the attempt short; null after success and after the last step. */
  problem: UserError | null;
  /** The episode's file; null if nothing was recorded or the recording was given up. */
  episode: string | null;
}

const OUTCOMES: Record<LoopEnd['end'], Outcome> = {
  success: 'success',
  failure: 'failure',
  aborted: 'discarded',
  stopped: 'discarded',
};

function checkOptions({ policy: { executeSteps, horizon, join }, lead }: LoopOptions): void {
  if (executeSteps < 1 || lead < 0)
    throw new UserError(
      `${executeSteps} steps to execute with a lead of ${lead}: there must be one step, and no lead below 0`,
      { kind: 'invalid', fields: ['executeSteps', 'lead'] },
    );
  if (join === 'synchronous') return;
  const played = Math.max(executeSteps, lead);
  if (lead + played > horizon)
    throw new UserError(
      `${played} steps to execute after a lead of ${lead} are more than the policy's horizon of ${horizon}; give fewer`,
      { kind: 'mismatch', fields: ['executeSteps', 'lead'] },
    );
}

/**
 * Throws a `UserError` if a joint is outside its limits by more than one step from rest can correct. A dry robot is
 * not commanded, so it may stand anywhere; the attempt only warns.
 */
function checkStart({ robot, warn }: LoopOptions, { position }: JointState): void {
  const { joints, controlRate } = robot.embodiment;
  joints.forEach(({ name, lower, upper, velocity, acceleration }, joint) => {
    const at = position[joint];
    const step = Math.min(velocity / controlRate, acceleration / controlRate ** 2);
    if (at >= lower - step && at <= upper + step) return;
    const text = `${name} stands at ${at.toFixed(3)}, outside its limits ${lower} to ${upper}`;
    if (!robot.dry)
      throw new UserError(`${text}; move it inside or correct the calibration`, {
        kind: 'invalid',
        fields: [name],
      });
    warn?.(`${text}; an attempt that is not dry would bring it inside first`);
  });
}

/** The first observation whose oldest part is not older than this call; null on abort. */
function firstObservation(
  { robot, policy, task, signal }: LoopOptions,
  synchroniser: Synchroniser,
): Promise<Observation | null> {
  const since = robot.clock.now();
  const accept = (observation: Observation) => oldestStamp(observation) >= since;
  const { cameras } = policy;
  return awaitObservation({ robot, synchroniser, cameras, prompt: task.prompt, accept, signal });
}

function createSenses(robot: Robot): Synchroniser {
  const names = robot.embodiment.joints.map(({ name }) => name);
  const synchroniser = createSynchroniser(names, robot.clock);
  robot.observe(synchroniser);
  return synchroniser;
}

/** `fault` is any error that is not a `UserError`: a bug, rethrown after the episode is closed. */
type Ending = LoopEnd | { end: 'stopped'; problem: UserError; fault: unknown };

async function play(options: LoopOptions, counts: LoopCounts, refused: Map<string, number>) {
  try {
    checkOptions(options);
    const synchroniser = createSenses(options.robot);
    try {
      await options.task.reset(options.seed);
      const first = await firstObservation(options, synchroniser);
      if (!first) return { end: 'aborted', problem: whyAborted(options.signal) } as const;
      checkStart(options, first.joints);
      return await runLoop(options, first, synchroniser, counts);
    } finally {
      synchroniser.refused.forEach((count, joint) => refused.set(joint, count));
    }
  } catch (error) {
    if (error instanceof UserError) return { end: 'stopped', problem: error } as const;
    const problem = new UserError('a fault of the program', { cause: error });
    return { end: 'stopped', problem, fault: error } as const;
  }
}

/** The outcome of an attempt that ended so. */
async function outcomeOf({ end, problem }: Ending, options: AttemptOptions): Promise<Outcome> {
  const { stopFails, judgement, task } = options;
  if (stopFails && problem && (problem.kind === 'guarded' || isNoChunk(problem))) return 'failure';
  const ranOut = end === 'failure' && !task.assess().failed;
  return ranOut && judgement ? judgement() : OUTCOMES[end];
}

/**
 * Runs one attempt: resets the task, waits for an observation, then plays chunks until success, failure,
 * the task's last step, a stop or an abort. The episode's file is finished before this resolves. A
 * `UserError` that stops the attempt is returned as `problem`, not thrown.
 */
export async function runAttempt(attemptOptions: AttemptOptions): Promise<AttemptResult> {
  const options: LoopOptions = { lead: 2, awaitChunks: true, ...attemptOptions };
  const { recorder, seed } = options;
  const counts: LoopCounts = {
    steps: 0,
    missedSteps: 0,
    heldSteps: 0,
    starvedSteps: 0,
    chunks: 0,
    mendedChunks: 0,
    refusedChunks: 0,
    stagedReward: 0,
    chunkTally: noChunks(),
    guard: new Map(),
  };
  const refused = new Map<string, number>();
  const ending: Ending = await play(options, counts, refused);

  let outcome = await outcomeOf(ending, attemptOptions);
  // One that was ended while it waited for its judgement had come to its end.
  const wasEnded = outcome === 'discarded' && options.signal?.aborted;
  let problem = ending.problem ?? (wasEnded ? whyAborted(options.signal) : null);
  let episode: string | null = null;
  const { steps, stagedReward } = counts;
  const result: EpisodeResult = {
    outcome,
    reward: REWARDS[outcome],
    stagedReward,
    steps,
    ...(problem && { problem: problem.message }),
  };
  try {
    episode = (await recorder?.finish(result)) ?? null;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    outcome = 'discarded';
    problem ??= error;
  }
  if ('fault' in ending) throw ending.fault;
  options.meters?.attempt(outcome);
  await options.meters?.settled();

  return {
    seed,
    outcome,
    reward: stagedReward,
    success: outcome === 'success',
    steps,
    missedSteps: counts.missedSteps,
    heldSteps: counts.heldSteps,
    starvedSteps: counts.starvedSteps,
    chunks: counts.chunks,
    mendedChunks: counts.mendedChunks,
    refusedChunks: counts.refusedChunks,
    chunkMs: summarise(counts.chunkTally),
    guard: [...counts.guard.values()],
    refused: Object.fromEntries(refused),
    problem,
    episode,
  };
}
