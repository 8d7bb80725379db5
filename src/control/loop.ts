import { controlPeriod } from '../robot/embodiment.ts';
import { UserError } from '../errors.ts';
import { type Ruling, atRest, guard, guardLimits } from '../guard/guard.ts';
import { type SensorAge, stoppedByGuard } from '../guard/guardEvents.ts';
import type { Observation } from '../policy/chunkPolicy.ts';
import { untilAborted, whyAborted } from './abort.ts';
import { ChunkPipeline } from './chunkPipeline.ts';
import { watchClock } from './clockWatch.ts';
import { comeToRest } from './comeToRest.ts';
import { watchDeviations } from './deviations.ts';
import { beatAges } from './heartbeat.ts';
import type { LoopCounts, LoopEnd, LoopOptions } from './loopOptions.ts';
import type { Synchroniser } from './synchroniser.ts';
import { countEvents } from './tally.ts';

/** Seconds without a row to play after which the attempt is stopped. */
const LONGEST_STARVATION = 2;

/** Largest lateness of a step, ns: beyond it all observations and planned rows are out of date. */
const LEAP = 1_000_000_000n;

/** The state of one attempt's loop. */
interface Run {
  options: LoopOptions;
  counts: LoopCounts;
  synchroniser: Synchroniser;
  chunks: ChunkPipeline;
  /** Nanoseconds of a control step. */
  period: bigint;
  limits: ReturnType<typeof guardLimits>;
  /** The guard's state after the last command. */
  state: ReturnType<typeof atRest>;
  /** When that was sent, ns. */
  sent: bigint;
  watch: ReturnType<typeof watchClock> | undefined;
  following: ReturnType<typeof watchDeviations> | undefined;
  orAborted: ReturnType<typeof untilAborted>['orAborted'];
}

/** Sends the guard's command. */
function send(run: Run, { command, next }: Ruling, now: bigint): void {
  const { robot, recorder } = run.options;
  run.state = next;
  run.sent = now;
  run.counts.steps += 1;
  if (!command) return;
  robot.command(command);
  run.following?.sent(command);
  recorder?.command(now, command);
}

/** Brakes to rest: from the next step on, or where somebody has stopped the robot at once. */
function brake(run: Run, isAtOnce = false): Promise<void> {
  const { options, synchroniser, counts, period, limits, state, sent } = run;
  const { clock } = options.robot;
  const sendBraking = (ruling: Ruling, now: bigint) => {
    if (synchroniser.newestJoints) options.recorder?.joints(synchroniser.newestJoints);
    counts.heldSteps += 1;
    send(run, ruling, now);
  };
  return comeToRest(clock, period, limits, state, sendBraking, isAtOnce ? sent : undefined);
}

/** Brakes to rest, then repeats the last command. */
async function stop(run: Run, problem: UserError, isAtOnce = false): Promise<LoopEnd> {
  await brake(run, isAtOnce);
  const { command } = guard(run.limits, run.state, null, []);
  if (run.counts.steps > 0 && command) run.options.robot.command(command);
  return { end: 'stopped', problem };
}

/** Waits until a step is due. Returns the error if the clock has stopped. */
async function untilDue({ options, watch, orAborted }: Run, due: bigint) {
  try {
    await orAborted((watch ?? options.robot.clock).until(due));
    return undefined;
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
}

/** The error if the clock has jumped: the step runs `late` ns after it was due. */
function clockFault(late: bigint, period: bigint): UserError | undefined {
  const seconds = (span: bigint) => (Number(span) / 1e9).toFixed(2);
  if (late < -period)
    return new UserError(
      `the clock stepped back by ${seconds(-late)} s; synchronise it before the robot moves`,
      { kind: 'invalid', subject: 'clock' },
    );
  if (late > LEAP)
    return new UserError(
      `the clock went on by ${seconds(late)} s between two steps: it was set, or this process stood still`,
      { kind: 'invalid', subject: 'clock' },
    );
  return undefined;
}

/** Counts missed steps and records the lateness of this one. */
function countLateness({ options, counts }: Run, late: bigint, missed: number): void {
  const { robot, meters, awaitChunks } = options;
  if (!awaitChunks && !robot.clock.isExternal)
    meters?.tick(Number(late) / 1e6 + (robot.clock.behind?.() ?? 0), missed);
  counts.missedSteps += missed;
}

/** Ends the attempt at step `tick` if it is aborted, its recording has failed, or the task is over. */
async function endAt(run: Run, tick: number): Promise<LoopEnd | undefined> {
  const { signal, recorder, task } = run.options;
  if (signal?.aborted) return { ...(await stop(run, whyAborted(signal), true)), end: 'aborted' };
  if (recorder?.problem) return stop(run, recorder.problem);
  const { reward, success, failed } = task.assess();
  run.counts.stagedReward = Math.max(run.counts.stagedReward, reward);
  if (!success && !failed && tick < task.maxSteps) return undefined;
  await brake(run);
  return { end: success ? 'success' : 'failure', problem: null };
}

const chunkAge = (observed: bigint, now: bigint): SensorAge => ({
  kind: 'chunk',
  source: 'chunk',
  age: Number(now - observed) / 1e6,
});

function agesAt({ options, synchroniser, chunks }: Run, now: bigint): SensorAge[] {
  const { observed } = chunks;
  return [
    ...synchroniser.ages(options.policy.cameras, now),
    ...(observed === undefined ? [] : [chunkAge(observed, now)]),
    ...beatAges(options.heartbeat),
  ];
}

/** Guards and sends the row of step `tick`. Returns the error if the robot must stop. */
function sendRow(run: Run, tick: number): UserError | undefined {
  const { options, counts, synchroniser, chunks, following } = run;
  const now = options.robot.clock.now();
  if (synchroniser.newestJoints) options.recorder?.joints(synchroniser.newestJoints);
  const ages = agesAt(run, now);
  const desired = chunks.row(tick);
  if (chunks.starvedSteps > LONGEST_STARVATION * options.robot.embodiment.controlRate)
    return new UserError(
      `the policy gave no chunk for ${LONGEST_STARVATION} s; ${chunks.awayBecause ?? 'use a faster device or a smaller policy'}`,
      { kind: 'unready', subject: 'policy' },
    );
  const measured = synchroniser.newestJoints?.position;
  const deviations = measured && following?.of(measured);
  const ruling = guard(run.limits, run.state, desired, ages, deviations);
  countEvents(counts.guard, ruling.events);
  options.meters?.guarded(ruling.events);
  const held = ruling.verdict === 'hold' || ruling.verdict === 'stop';
  send(run, ruling, now);
  if (desired && !held) chunks.sent(tick, now);
  if (held || !desired) counts.heldSteps += 1;
  if (ruling.verdict !== 'stop') return undefined;
  return stoppedByGuard(ruling.events.filter(({ action }) => action === 'stop'));
}

/** Runs control steps until the attempt ends. */
async function takeSteps(run: Run): Promise<LoopEnd> {
  const { options, chunks, period, orAborted } = run;
  const { robot, recorder, awaitChunks, signal } = options;
  await orAborted(chunks.answered);
  const start = robot.clock.now();
  for (let next = 0; ;) {
    const due = start + BigInt(next) * period;
    const stoppedClock = await untilDue(run, due);
    if (stoppedClock) return stop(run, stoppedClock);
    const late = robot.clock.now() - due;
    const fault = clockFault(late, period);
    if (fault) return stop(run, fault);
    const missed = Number(late / period);
    countLateness(run, late, missed);
    const tick = next + missed;
    next = tick + 1;

    const end = await endAt(run, tick);
    if (end) return end;
    chunks.request(tick);
    const failure = await chunks.takeOver(tick, due + BigInt(missed) * period, orAborted);
    if (failure) return stop(run, failure);
    if (signal?.aborted) continue;
    const stopped = sendRow(run, tick);
    if (stopped) return stop(run, stopped);
    if (awaitChunks) await recorder?.room();
  }
}

/**
 * Runs the control loop from an observation of the robot at rest until success, the task's last step, an abort or a
 * stop. Each step: observe, take the row of the chunk in play, guard it, command, record. Except after an unexpected
 * exception, the robot brakes to rest before this resolves.
 */
export async function runLoop(
  options: LoopOptions,
  first: Observation,
  synchroniser: Synchroniser,
  counts: LoopCounts,
): Promise<LoopEnd> {
  const { clock, embodiment, dry } = options.robot;
  const { orAborted, forget } = untilAborted(options.signal);
  const run: Run = {
    options,
    counts,
    synchroniser,
    chunks: new ChunkPipeline(options, synchroniser, counts, first),
    period: controlPeriod(embodiment),
    limits: guardLimits(embodiment),
    state: atRest(first.joints.position),
    sent: clock.now(),
    watch: options.awaitChunks ? undefined : watchClock(clock),
    following: dry ? undefined : watchDeviations(embodiment, first.joints.position),
    orAborted,
  };
  try {
    return await takeSteps(run);
  } finally {
    run.watch?.close();
    forget();
    run.chunks.finish();
  }
}
