import { UserError, messageOf } from '../errors.ts';
import type { ChunkRecord } from '../episodes/episode.ts';
import type { EpisodeRecorder } from '../episodes/recordEpisode.ts';
import type { Chunk, ChunkPolicy, ChunkTiming, Join, Observation } from '../policy/chunkPolicy.ts';
import type { Robot, Task } from '../robot/robot.ts';
import { untilAborted } from './abort.ts';
import { comeToRest } from './comeToRest.ts';
import { createChunkPlayer } from './chunkPlayer.ts';
import type { Played } from './chunkPlayer.ts';
import { atRest, guard, guardLimits } from './guard.ts';
import type { Ruling } from './guard.ts';
import { describeEvent } from './guardEvents.ts';
import type { SensorAge } from './guardEvents.ts';
import type { Heartbeat } from './heartbeat.ts';
import { beatAges } from './heartbeat.ts';
import { noiseSeed } from './noiseSeed.ts';
import type { Synchroniser } from './synchroniser.ts';
import { countEvents } from './tally.ts';
import type { GuardCount } from './tally.ts';

export interface LoopOptions {
  robot: Robot;
  task: Task;
  policy: ChunkPolicy;
  seed: number;
  recorder?: EpisodeRecorder;
  /** Control steps before that at which the next one is requested. */
  lead: number;
  /** Whether a control step waits for its chunk; never on a robot whose time goes on. */
  awaitChunks: boolean;
  /** What must keep beating while the robot moves, if anything must. */
  heartbeat?: Heartbeat;
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
  timings: ChunkTiming[];
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
}

interface Request {
  index: number;
  origin: number;
  observation: Observation;
  settled: Promise<void>;
  answer?: { chunk: Chunk } | { error: unknown };
}

function request(
  options: LoopOptions,
  index: number,
  origin: number,
  observation: Observation,
  join?: Join,
) {
  const made: Request = { index, origin, observation, settled: Promise.resolve() };
  const sample = async () => {
    try {
      const { seed } = options;
      const noise = { seed: noiseSeed(seed, index), attempt: seed };
      made.answer = { chunk: await options.policy.sample(observation, noise, join) };
    } catch (error) {
      made.answer = { error };
    }
  };
  made.settled = sample();
  return made;
}

const chunkAge = (observed: bigint, now: bigint): SensorAge => ({
  kind: 'chunk',
  source: 'chunk',
  age: Number(now - observed) / 1e6,
});

const record = ({ content, delay, from, to, held }: Played<Sampled>): ChunkRecord => {
  const { index, observation, chunk } = content;
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
  };
};

/**
 * Runs the control loop from an observation of the robot at rest until success, the task's last step,
 * an abort or a stop. Each step: observe, take the played chunk's row, guard it, command, record. However it
 * ends, but for a fault of the program, the robot brakes to rest first.
 */
export async function runLoop(
  options: LoopOptions,
  first: Observation,
  synchroniser: Synchroniser,
  counts: LoopCounts,
): Promise<LoopEnd> {
  const { robot, task, policy, recorder, lead, awaitChunks, heartbeat, signal } = options;
  const { clock, embodiment } = robot;
  const period = BigInt(Math.round(1e9 / embodiment.controlRate));
  const limits = guardLimits(embodiment);
  const player = createChunkPlayer<Sampled>(embodiment.joints.length);
  const { aborted, forget } = untilAborted(signal);

  let state = atRest(first.joints.position);
  let observed: bigint | undefined;
  let pending: Request | undefined = request(options, 0, 0, first);
  let asked = 1;
  let requestAt = 0;
  let swapAt = 0;
  let starved = 0;
  let delays: number[] = [];

  const retire = (played: Played<Sampled> | undefined) => {
    if (played) recorder?.played(record(played));
  };

  /** What is sent is the guard's command, as it is. */
  const send = ({ command, next }: Ruling, now: bigint) => {
    state = next;
    counts.steps += 1;
    if (!command) return;
    robot.command(command);
    recorder?.command(now, command);
  };

  const brake = () =>
    comeToRest(clock, period, limits, state, (ruling, now) => {
      if (synchroniser.newestJoints) recorder?.joints(synchroniser.newestJoints);
      counts.heldSteps += 1;
      send(ruling, now);
    });

  const stop = async (problem: UserError): Promise<LoopEnd> => {
    await brake();
    const { command } = guard(limits, state, null, []);
    if (counts.steps > 0 && command) robot.command(command);
    return { end: 'stopped', problem };
  };

  const agesAt = (now: bigint): SensorAge[] => [
    ...synchroniser.ages(policy.cameras, now),
    ...(observed === undefined ? [] : [chunkAge(observed, now)]),
    ...beatAges(heartbeat),
  ];

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
    if (awaitChunks) await Promise.race([pending.settled, aborted]);
    const { answer, observation, index, origin } = pending;
    if (!answer) return undefined;
    if ('error' in answer)
      return new UserError(`the policy failed at chunk ${index}: ${messageOf(answer.error)}`, {
        cause: answer.error,
      });
    const { chunk } = answer;
    const { actions, horizon } = chunk;
    recorder?.sampled(observation, actions);
    retire(player.swap({ content: { index, observation, chunk }, origin, actions, horizon }, tick));
    delays = [...delays, tick - origin].slice(-FORECAST_FROM);
    counts.chunks += 1;
    counts.timings.push(chunk.timing);
    options.onChunk?.(counts);
    pending = undefined;
    observed = observation.joints.stamp;
    swapAt = tick + policy.executeSteps;
    requestAt = swapAt - lead;
    return undefined;
  };

  const step = (tick: number, ages: SensorAge[], now: bigint): UserError | undefined => {
    const desired = player.row(tick);
    starved = desired ? 0 : starved + 1;
    if (starved > LONGEST_STARVATION * embodiment.controlRate)
      return new UserError(
        `the policy gave no chunk for ${LONGEST_STARVATION} s; use a faster device or a smaller policy`,
      );
    const ruling = guard(limits, state, desired, ages);
    countEvents(counts.guard, ruling.events);
    const held = ruling.verdict === 'hold' || ruling.verdict === 'stop';
    send(ruling, now);
    if (desired && !held) player.sent(tick);
    if (held || !desired) counts.heldSteps += 1;
    if (ruling.verdict !== 'stop') return undefined;
    const reasons = ruling.events.filter(({ action }) => action === 'stop').map(describeEvent);
    return new UserError(`the guard stopped the robot: ${reasons.join('; ')}`);
  };

  const run = async (): Promise<LoopEnd> => {
    await Promise.race([pending!.settled, aborted]);
    const start = clock.now();
    for (let tick = 0; ; tick++) {
      const due = start + BigInt(tick) * period;
      await Promise.race([clock.until(due), aborted]);
      const late = Number((clock.now() - due) / period);
      counts.missedSteps += late;
      tick += late;

      if (signal?.aborted)
        return { ...(await stop(new UserError('stopped by hand'))), end: 'aborted' };
      if (recorder?.problem) return stop(recorder.problem);
      const { reward, success, failed } = task.assess();
      counts.stagedReward = Math.max(counts.stagedReward, reward);
      if (success || failed || tick >= task.maxSteps) {
        await brake();
        return { end: success ? 'success' : 'failure', problem: null };
      }

      askForChunk(tick);
      const failure = await takeChunk(tick);
      if (failure) return stop(failure);
      if (signal?.aborted) continue;

      const now = clock.now();
      if (synchroniser.newestJoints) recorder?.joints(synchroniser.newestJoints);
      const stopped = step(tick, agesAt(now), now);
      if (stopped) return stop(stopped);
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
