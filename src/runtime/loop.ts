import { UserError, messageOf } from '../errors.ts';
import type { ChunkRecord, ChunkTimeline } from '../episodes/episode.ts';
import type { EpisodeRecorder } from '../episodes/recordEpisode.ts';
import type { Chunk, ChunkPolicy, Join, Observation } from '../policy/chunkPolicy.ts';
import { type JoinKind, sampledJoin } from '../policy/joining.ts';
import type { Embodiment } from '../robot/embodiment.ts';
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
  join: JoinKind;
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
  /** Control steps between its observation and the one at which it was put in play. */
  delay: number;
  join: JoinKind;
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

/** Cameras that show nothing, in words; those that are noiseless may repeat a picture. */
function describeBlindness({ sight }: Chunk, { cameras }: Embodiment): string | undefined {
  if (!sight) return undefined;
  const isNoiseless = (name: string) => cameras.find((camera) => camera.name === name)?.noiseless;
  const frozen = sight.repeated.filter((name) => !isNoiseless(name));
  const lines = [
    ...sight.dark.map((name) => `camera ${name} is black; check its lens, its cable and the light`),
    ...frozen.map((name) => `camera ${name} repeats a picture while the arms move; restart its driver`), // prettier-ignore
  ];
  return lines.length > 0 ? lines.join('; ') : undefined;
}

/** Stamp of the oldest of what an observation is made of. */
export const oldestStamp = ({ joints, frames }: Observation): bigint =>
  frames.reduce((least, { stamp }) => (stamp < least ? stamp : least), joints.stamp);

const chunkAge = (observed: bigint, now: bigint): SensorAge => ({
  kind: 'chunk',
  source: 'chunk',
  age: Number(now - observed) / 1e6,
});

const record = ({ content, from, to, held }: Played<Sampled>): ChunkRecord => {
  const { index, observation, chunk, delay, join, timeline } = content;
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
    ...(join !== 'swap' && { join }),
    ...(chunk.joined && { joined: chunk.joined }),
    timeline,
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
  const { robot, task, policy, recorder, meters, awaitChunks, join, heartbeat, signal } = options;
  const { clock, embodiment } = robot;
  const period = BigInt(Math.round(1e9 / embodiment.controlRate));
  const limits = guardLimits(embodiment);
  const player = createChunkPlayer<Sampled>(embodiment.joints.length, join === 'ensemble');
  const standsStill = join === 'synchronous';
  const { orAborted, forget } = untilAborted(signal);

  let state = atRest(first.joints.position);
  let observed: bigint | undefined;
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

  /** Control steps that the next chunk will take: as many as the slowest of the last ones. */
  const foreseen = () => Math.max(options.lead, ...delays);

  const agesAt = (now: bigint): SensorAge[] => [
    ...synchroniser.ages(policy.cameras, now),
    ...(observed === undefined ? [] : [chunkAge(observed, now)]),
    ...beatAges(heartbeat),
  ];

  /** What the chunk asked for at `tick` is to join. */
  const joinAt = (tick: number): Join | undefined => {
    const rows = sampledJoin(join) ? player.ahead(tick) : null;
    return rows ? { rows, delay: foreseen() } : undefined;
  };

  const askForChunk = (tick: number) => {
    if (pending || tick < requestAt) return;
    const taken = synchroniser.take(policy.cameras, task.prompt, clock.now());
    if (!('observation' in taken)) return;
    pending = request(options, asked++, tick, taken.observation, joinAt(tick));
    // Where time stands still while it is sampled, a chunk takes as long as the lead says.
    if (awaitChunks) swapAt = Math.max(swapAt, tick + options.lead);
  };

  /** Puts the pending chunk in play if it is its turn; gives the error if there will be none. */
  const takeChunk = async (tick: number): Promise<UserError | undefined> => {
    if (!pending) return undefined;
    const isDue = tick >= swapAt;
    if (isDue && awaitChunks) await orAborted(pending.settled);
    const { answer, observation, index, origin, requested } = pending;
    if (!answer) return undefined;
    if ('error' in answer)
      return new UserError(`the policy failed at chunk ${index}: ${messageOf(answer.error)}`, {
        cause: answer.error,
      });
    if (!isDue) return undefined;
    const { chunk, arrived } = answer;
    const blind = describeBlindness(chunk, embodiment);
    if (blind !== undefined) return new UserError(blind);
    const { actions, horizon } = chunk;
    recorder?.sampled(observation, actions);
    const delay = tick - origin;
    const { timing } = chunk;
    const timeline = { requested, arrived, joined: clock.now(), firstCommand: null, timing };
    const content: Sampled = { index, observation, chunk, delay, join, timeline };
    playing = content;
    retire(
      player.swap(
        standsStill
          ? { content, origin: tick, actions, horizon: policy.executeSteps }
          : { content, origin, actions, horizon },
        tick,
      ),
    );
    delays = [...delays, delay].slice(-FORECAST_FROM);
    counts.chunks += 1;
    countChunk(counts.chunkTally, timing);
    meters?.chunk(chunk);
    options.onChunk?.(counts);
    pending = undefined;
    observed = observation.joints.stamp;
    swapAt = tick + policy.executeSteps;
    requestAt = standsStill ? swapAt : Math.max(tick, swapAt - foreseen());
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
      await orAborted(clock.until(due));
      const late = clock.now() - due;
      if (late < -period)
        return stop(
          new UserError(
            `the clock stepped back by ${(Number(-late) / 1e9).toFixed(2)} s; synchronise it before the robot moves`,
          ),
        );
      const missed = Number(late / period);
      if (!awaitChunks) meters?.tick(Number(late) / 1e6 + (clock.behind?.() ?? 0), missed);
      counts.missedSteps += missed;
      tick += missed;

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
