import { UserError, messageOf } from '../errors.ts';
import type { EpisodeRecorder } from '../episodes/recordEpisode.ts';
import type { ChunkPolicy, Join, Observation } from '../policy/chunkPolicy.ts';
import type { Robot, Task } from '../robot/robot.ts';
import { untilAborted, whyAborted } from './abort.ts';
import { comeToRest } from './comeToRest.ts';
import { watchClock } from './clockWatch.ts';
import { watchDeviations } from './deviations.ts';
import { createChunkPlayer } from './chunkPlayer.ts';
import type { Played } from './chunkPlayer.ts';
import { type ChunkRequest, requestChunk } from './chunkRequest.ts';
import { createChunkSchedule } from './chunkSchedule.ts';
import { atRest, guard, guardLimits } from '../guard/guard.ts';
import type { Ruling } from '../guard/guard.ts';
import { describeEvent } from '../guard/guardEvents.ts';
import type { SensorAge } from '../guard/guardEvents.ts';
import type { Heartbeat } from './heartbeat.ts';
import { beatAges } from './heartbeat.ts';
import type { Meters } from '../measure/meters.ts';
import { noiseSeed } from './noiseSeed.ts';
import { type SampledChunk, describeBlindness, recordOf } from './sampledChunk.ts';
import type { Synchroniser } from './synchroniser.ts';
import { countChunk, countEvents } from './tally.ts';
import type { ChunkTally, GuardCount } from './tally.ts';
import { type JoinKind, sampledJoin } from '../policy/joinKinds.ts';

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
  join: JoinKind;
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

/** Seconds without anything to play after which the attempt is stopped. */
const LONGEST_STARVATION = 2;

/** Stamp of the oldest of what an observation is made of. */
export const oldestStamp = ({ joints, frames }: Observation): bigint =>
  frames.reduce((least, { stamp }) => (stamp < least ? stamp : least), joints.stamp);

/** Nanoseconds that a step may come late: beyond it nothing that was sensed or planned is of now. */
const LEAP = 1_000_000_000n;

const chunkAge = (observed: bigint, now: bigint): SensorAge => ({
  kind: 'chunk',
  source: 'chunk',
  age: Number(now - observed) / 1e6,
});

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
  const { robot, task, policy, seed, recorder, meters, awaitChunks, join, heartbeat, signal } =
    options;
  const { clock, embodiment } = robot;
  const period = BigInt(Math.round(1e9 / embodiment.controlRate));
  const limits = guardLimits(embodiment);
  const player = createChunkPlayer<SampledChunk>(embodiment.joints.length, join === 'ensemble');
  const standsStill = join === 'synchronous';
  const { orAborted, forget } = untilAborted(signal);
  const watch = awaitChunks ? undefined : watchClock(clock);
  const following = robot.dry ? undefined : watchDeviations(embodiment, first.joints.position);

  let state = atRest(first.joints.position);
  let observed: bigint | undefined;
  const { executeSteps, horizon: rows } = policy;
  const schedule = createChunkSchedule({ ...options, executeSteps, horizon: rows });
  const ask = (index: number, origin: number, observation: Observation, toJoin?: Join) => {
    const noise = { seed: noiseSeed(seed, index), attempt: seed };
    return requestChunk(policy, clock, { index, origin, observation }, noise, toJoin);
  };
  let pending: ChunkRequest | undefined = ask(0, 0, first);
  let asked = 1;
  let starved = 0;
  let playing: SampledChunk | undefined;

  const retire = (played: Played<SampledChunk> | undefined) => {
    if (played) recorder?.played(recordOf(played));
  };

  /** What is sent is the guard's command, as it is. */
  const send = ({ command, next }: Ruling, now: bigint) => {
    state = next;
    counts.steps += 1;
    if (!command) return;
    robot.command(command);
    following?.sent(command);
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

  /** What the chunk asked for at `tick` is to join. */
  const joinAt = (tick: number): Join | undefined => {
    const rows = sampledJoin(join) ? player.ahead(tick) : null;
    return rows ? { rows, delay: schedule.foreseen() } : undefined;
  };

  const askForChunk = (tick: number) => {
    if (pending || !schedule.isTimeToAsk(tick)) return;
    const taken = synchroniser.take(policy.cameras, task.prompt, clock.now());
    if (!('observation' in taken)) return;
    pending = ask(asked++, tick, taken.observation, joinAt(tick));
    schedule.asked(tick);
  };

  /** Says for how long the arms stood before a chunk that was not there in time. */
  const tellOfStarvation = (index: number, took: number) => {
    if (starved === 0 || standsStill) return;
    const rowsLeft = rows - executeSteps;
    options.warn?.(
      `the arms stood still for ${starved} control steps, for want of rows: chunk ${index} was there after ${took}` +
        (took > rowsLeft
          ? `, and rows last for ${rowsLeft}; use a faster device or a smaller policy, or execute fewer rows of each chunk`
          : ''),
    );
  };

  /** Puts the pending chunk in play if it is its turn at a tick due at `due`; gives the error if there will be none. */
  const takeChunk = async (tick: number, due: bigint): Promise<UserError | undefined> => {
    if (!pending) return undefined;
    const isTurn = schedule.isTurn(tick);
    if (isTurn && awaitChunks) await orAborted(pending.settled);
    const { answer, observation, index, origin, requested } = pending;
    if (!answer) return undefined;
    if ('error' in answer)
      return new UserError(`the policy failed at chunk ${index}: ${messageOf(answer.error)}`, {
        cause: answer.error,
      });
    if (!isTurn) return undefined;
    const { chunk, arrived } = answer;
    const blind = describeBlindness(chunk, embodiment);
    if (blind !== undefined) return new UserError(blind);
    const { actions, horizon } = chunk;
    recorder?.sampled(observation, actions);
    const delay = tick - origin;
    const { timing } = chunk;
    const timeline = { requested, arrived, joined: clock.now(), firstCommand: null, timing };
    const content: SampledChunk = { index, observation, chunk, delay, join, timeline };
    playing = content;
    retire(
      player.swap(
        standsStill
          ? { content, origin: tick, actions, horizon: executeSteps }
          : { content, origin, actions, horizon },
        tick,
      ),
    );
    const took = Math.max(0, delay - Number((due - arrived) / period));
    schedule.tookOver(tick, origin, took);
    tellOfStarvation(index, took);
    counts.chunks += 1;
    countChunk(counts.chunkTally, timing);
    meters?.chunk(chunk);
    options.onChunk?.(counts);
    pending = undefined;
    observed = observation.joints.stamp;
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
    if (!desired) counts.starvedSteps += 1;
    if (starved > LONGEST_STARVATION * embodiment.controlRate)
      return new UserError(
        `the policy gave no chunk for ${LONGEST_STARVATION} s; use a faster device or a smaller policy`,
      );
    const measured = synchroniser.newestJoints?.position;
    const deviations = measured && following?.of(measured);
    const ruling = guard(limits, state, desired, ages, deviations);
    countEvents(counts.guard, ruling.events);
    meters?.guarded(ruling.events);
    const held = ruling.verdict === 'hold' || ruling.verdict === 'stop';
    send(ruling, now);
    if (desired && !held) {
      player.sent(tick);
      noteSent(now);
    }
    if (held || !desired) counts.heldSteps += 1;
    if (ruling.verdict !== 'stop') return undefined;
    const reasons = ruling.events.filter(({ action }) => action === 'stop').map(describeEvent);
    return new UserError(`the guard stopped the robot: ${reasons.join('; ')}`);
  };

  const run = async (): Promise<LoopEnd> => {
    await orAborted(pending!.settled);
    const start = clock.now();
    for (let tick = 0; ; tick++) {
      const due = start + BigInt(tick) * period;
      try {
        await orAborted((watch ?? clock).until(due));
      } catch (error) {
        if (error instanceof UserError) return stop(error);
        throw error;
      }
      const late = clock.now() - due;
      if (late < -period)
        return stop(
          new UserError(
            `the clock stepped back by ${(Number(-late) / 1e9).toFixed(2)} s; synchronise it before the robot moves`,
          ),
        );
      if (late > LEAP)
        return stop(
          new UserError(
            `the clock went on by ${(Number(late) / 1e9).toFixed(2)} s between two steps: it was set, or this process stood still`,
          ),
        );
      const missed = Number(late / period);
      if (!awaitChunks && !clock.told)
        meters?.tick(Number(late) / 1e6 + (clock.behind?.() ?? 0), missed);
      counts.missedSteps += missed;
      tick += missed;

      if (signal?.aborted) return { ...(await stop(whyAborted(signal))), end: 'aborted' };
      if (recorder?.problem) return stop(recorder.problem);
      const { reward, success, failed } = task.assess();
      counts.stagedReward = Math.max(counts.stagedReward, reward);
      if (success || failed || tick >= task.maxSteps) {
        await brake();
        return { end: success ? 'success' : 'failure', problem: null };
      }

      askForChunk(tick);
      const failure = await takeChunk(tick, due + BigInt(missed) * period);
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
    watch?.close();
    forget();
    retire(player.finish());
  }
}
