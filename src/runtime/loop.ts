import { UserError, messageOf } from '../errors.ts';
import type { ChunkRecord, ChunkTimeline } from '../episodes/episode.ts';
import type { EpisodeRecorder } from '../episodes/recordEpisode.ts';
import type { Chunk, ChunkPolicy, Join, Observation } from '../policy/chunkPolicy.ts';
import type { Robot, Task } from '../robot/robot.ts';
import { untilAborted } from './abort.ts';
import { createChunkPlayer } from './chunkPlayer.ts';
import type { Played } from './chunkPlayer.ts';
import { describeEvent, guard, guardLimits } from './guard.ts';
import type { GuardState, SensorAge } from './guard.ts';
import type { Meters } from './meters.ts';
import { noiseSeed } from './noiseSeed.ts';
import type { Synchroniser } from './synchroniser.ts';
import { countChunk, countEvents } from './tally.ts';
import type { ChunkTally, GuardCount } from './tally.ts';

export interface LoopOptions {
  robot: Robot;
  task: Task;
  policy: ChunkPolicy;
  seed: number;
  recorder?: EpisodeRecorder;
  /** Time what the attempts of a run take, this one among them. */
  meters?: Meters;
  /** Control steps before that at which the next one is requested. */
  lead: number;
  /** Whether a control step waits for its chunk; never on a robot whose time goes on. */
  awaitChunks: boolean;
  signal?: AbortSignal;
  /** Hears the counts whenever a chunk begins to be played. */
  onChunk?: (counts: LoopCounts) => void;
}

/** What an attempt's loop counts; kept up to date while it runs. */
export interface LoopCounts {
  steps: number;
  missedSteps: number;
  heldSteps: number;
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

/** Seconds without anything to play after which the attempt is stopped. */
const LONGEST_STARVATION = 2;

/** Chunks whose delays foretell that of the next one (arXiv 2506.07339). */
const FORECAST_FROM = 10;

interface Sampled {
  index: number;
  observation: Observation;
  chunk: Chunk;
  timeline: ChunkTimeline;
}

interface Request {
  index: number;
  origin: number;
  observation: Observation;
  requested: bigint;
  settled: Promise<void>;
  answer?: { chunk: Chunk; arrived: bigint } | { error: unknown };
}

function request(
  options: LoopOptions,
  index: number,
  origin: number,
  observation: Observation,
  join?: Join,
) {
  const { clock } = options.robot;
  const requested = clock.now();
  const made: Request = { index, origin, observation, requested, settled: Promise.resolve() };
  const sample = async () => {
    try {
      const { seed } = options;
      const noise = { seed: noiseSeed(seed, index), attempt: seed };
      const chunk = await options.policy.sample(observation, noise, join);
      made.answer = { chunk, arrived: clock.now() };
    } catch (error) {
      made.answer = { error };
    }
  };
  made.settled = sample();
  return made;
}

/** Stamp of the oldest of what an observation is made of. */
export const oldestStamp = ({ joints, frames }: Observation): bigint =>
  frames.reduce((least, { stamp }) => (stamp < least ? stamp : least), joints.stamp);

const record = ({ content, delay, from, to, held }: Played<Sampled>): ChunkRecord => {
  const { index, observation, chunk, timeline } = content;
  return {
    index,
    policyVersion: chunk.policyVersion,
    observationStamp: observation.joints.stamp,
    frameStamps: Object.fromEntries(observation.frames.map(({ camera, stamp }) => [camera, stamp])),
    state: observation.joints.position,
    horizon: chunk.horizon,
    actions: chunk.actions,
    noise: chunk.noise,
    delay,
    executedFrom: from,
    executedTo: to,
    held,
    timeline,
  };
};

/**
 * Runs the control loop from an observation of the robot at rest until success, the task's last step,
 * an abort or a stop. Each step: observe, take the played chunk's row, guard it, command, record.
 */
export async function runLoop(
  options: LoopOptions,
  first: Observation,
  synchroniser: Synchroniser,
  counts: LoopCounts,
): Promise<LoopEnd> {
  const { robot, task, policy, recorder, meters, lead, awaitChunks, signal } = options;
  const { clock, embodiment } = robot;
  const period = BigInt(Math.round(1e9 / embodiment.controlRate));
  const limits = guardLimits(embodiment);
  const player = createChunkPlayer<Sampled>(embodiment.joints.length);
  const { orAborted, forget } = untilAborted(signal);

  let state: GuardState = { command: first.joints.position, nonFinite: 0 };
  let pending: Request | undefined = request(options, 0, 0, first);
  let asked = 1;
  let requestAt = 0;
  let swapAt = 0;
  let starved = 0;
  let delays: number[] = [];
  let playing: Sampled | undefined;

  const retire = (played: Played<Sampled> | undefined) => {
    if (played) recorder?.played(record(played));
  };

  const send = (command: Float64Array, now: bigint) => {
    robot.command(command);
    recorder?.command(now, command);
  };

  const stop = (problem: UserError): LoopEnd => {
    if (counts.steps > 0) robot.command(state.command);
    return { end: 'stopped', problem };
  };

  /** What the chunk asked for at `tick` is to join; it will be as late as the latest of the last ones. */
  const joinAt = (tick: number): Join | undefined => {
    const rows = player.ahead(tick);
    return rows ? { rows, delay: Math.max(lead, ...delays) } : undefined;
  };

  const askForChunk = (tick: number) => {
    if (pending || tick < requestAt) return;
    const taken = synchroniser.take(policy.cameras, task.prompt, clock.now());
    if ('observation' in taken)
      pending = request(options, asked++, tick, taken.observation, joinAt(tick));
  };

  /** Puts the pending chunk in play if it is its turn; gives the error if there will be none. */
  const takeChunk = async (tick: number): Promise<UserError | undefined> => {
    if (!pending || tick < swapAt) return undefined;
    if (awaitChunks) await orAborted(pending.settled);
    const { answer, observation, index, origin, requested } = pending;
    if (!answer) return undefined;
    if ('error' in answer)
      return new UserError(`the policy failed at chunk ${index}: ${messageOf(answer.error)}`, {
        cause: answer.error,
      });
    const { chunk, arrived } = answer;
    const { actions, horizon } = chunk;
    recorder?.sampled(observation, actions);
    const { timing } = chunk;
    const timeline = { requested, arrived, joined: clock.now(), firstCommand: null, timing };
    playing = { index, observation, chunk, timeline };
    retire(player.swap({ content: playing, origin, actions, horizon }, tick));
    delays = [...delays, tick - origin].slice(-FORECAST_FROM);
    counts.chunks += 1;
    countChunk(counts.chunkTally, timing);
    meters?.chunk(chunk);
    options.onChunk?.(counts);
    pending = undefined;
    swapAt = tick + policy.executeSteps;
    requestAt = swapAt - lead;
    return undefined;
  };

  /** Notes when the first row of the chunk in play was sent. */
  const noteSent = (now: bigint) => {
    if (!playing || playing.timeline.firstCommand !== null) return;
    playing.timeline.firstCommand = now;
    meters?.firstCommand(playing.timeline, oldestStamp(playing.observation));
  };

  const step = (tick: number, ages: SensorAge[], now: bigint): UserError | undefined => {
    const desired = player.row(tick);
    starved = desired ? 0 : starved + 1;
    if (starved > LONGEST_STARVATION * embodiment.controlRate)
      return new UserError(
        `the policy gave no chunk for ${LONGEST_STARVATION} s; use a faster device or a smaller policy`,
      );
    const ruling = guard(limits, state, desired, ages);
    state = ruling.next;
    countEvents(counts.guard, ruling.events);
    meters?.guarded(ruling.events);
    const held = ruling.verdict === 'hold' || ruling.verdict === 'stop';
    if (ruling.command) send(ruling.command, now);
    if (desired && !held) {
      player.sent(tick);
      noteSent(now);
    }
    if (held || !desired) counts.heldSteps += 1;
    counts.steps += 1;
    if (ruling.verdict !== 'stop') return undefined;
    const reasons = ruling.events.filter(({ action }) => action === 'stop').map(describeEvent);
    return new UserError(`the guard stopped the robot: ${reasons.join('; ')}`);
  };

  const run = async (): Promise<LoopEnd> => {
    await orAborted(pending!.settled);
    const start = clock.now();
    for (let tick = 0; ; tick++) {
      const due = start + BigInt(tick) * period;
      await orAborted(clock.until(due));
      const late = clock.now() - due;
      const missed = Number(late / period);
      if (!awaitChunks) meters?.tick(Number(late) / 1e6 + (clock.behind?.() ?? 0), missed);
      counts.missedSteps += missed;
      tick += missed;

      if (signal?.aborted) return { ...stop(new UserError('stopped by hand')), end: 'aborted' };
      if (recorder?.problem) return stop(recorder.problem);
      const { reward, success, failed } = task.assess();
      counts.stagedReward = Math.max(counts.stagedReward, reward);
      if (success) return { end: 'success', problem: null };
      if (failed || tick >= task.maxSteps) return { end: 'failure', problem: null };

      askForChunk(tick);
      const failure = await takeChunk(tick);
      if (failure) return stop(failure);
      if (signal?.aborted) continue;

      const now = clock.now();
      if (synchroniser.newestJoints) recorder?.joints(synchroniser.newestJoints);
      const stopped = step(tick, synchroniser.ages(policy.cameras, now), now);
      if (stopped) return { end: 'stopped', problem: stopped };
      if (awaitChunks) await recorder?.room();
    }
  };

  try {
    return await run();
  } finally {
    forget();
    retire(player.finish());
  }
}
