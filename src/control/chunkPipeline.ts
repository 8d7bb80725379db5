import { UserError, messageOf } from '../errors.ts';
import { isNoChunk } from '../policy/noChunk.ts';
import { PolicyAway } from '../policy/policyAway.ts';
import type { ChunkPolicy, Join, Observation, Turn } from '../policy/chunkPolicy.ts';
import { type JoinKind, sampledJoin } from '../policy/joinKinds.ts';
import { controlPeriod } from '../robot/embodiment.ts';
import { type Played, createChunkPlayer } from './chunkPlayer.ts';
import { type ChunkRequest, requestChunk } from './chunkRequest.ts';
import { createChunkSchedule } from './chunkSchedule.ts';
import type { LoopCounts, LoopOptions } from './loopOptions.ts';
import { noiseSeed } from './noiseSeed.ts';
import { type SampledChunk, blindnessOf, recordOf } from './sampledChunk.ts';
import type { Synchroniser } from './synchroniser.ts';
import { countChunk } from './tally.ts';

/** Stamp of the oldest part of an observation. */
export const oldestStamp = ({ joints, frames }: Observation): bigint =>
  frames.reduce((least, { stamp }) => (stamp < least ? stamp : least), joints.stamp);

/** Requests an attempt's chunks, puts each in play at its turn, and returns the row of each control step. */
export class ChunkPipeline {
  private readonly options: LoopOptions;
  private readonly join: JoinKind;
  private readonly synchroniser: Synchroniser;
  private readonly counts: LoopCounts;
  private readonly player;
  private readonly schedule;
  private pending: ChunkRequest | undefined;
  private requests = 0;
  private playing: SampledChunk | undefined;
  /** Consecutive control steps without a row. */
  private starved = 0;
  /** Why the last request has no chunk, if its policy was out of reach. */
  private away: PolicyAway | undefined;

  /** Requests the first chunk, from `first`. */
  constructor(
    options: LoopOptions,
    synchroniser: Synchroniser,
    counts: LoopCounts,
    first: Observation,
  ) {
    const { robot, policy } = options;
    const { executeSteps, horizon, join = 'swap' } = policy;
    this.options = options;
    this.join = join;
    this.synchroniser = synchroniser;
    this.counts = counts;
    const joints = robot.embodiment.joints.length;
    this.player = createChunkPlayer<SampledChunk>(joints, join === 'ensemble');
    this.schedule = createChunkSchedule({ ...options, executeSteps, horizon, join });
    this.pending = this.ask(0, first);
  }

  /** Resolves when the pending request has a chunk or an error. */
  get answered(): Promise<void> {
    return this.pending?.settled ?? Promise.resolve();
  }

  /** Stamp of the observation behind the chunk in play; undefined before the first. */
  get observed(): bigint | undefined {
    return this.playing?.observation.joints.stamp;
  }

  /** Requests the next chunk at step `tick`, if it is due and a complete observation is available. */
  request(tick: number): void {
    if (this.pending || !this.schedule.isTimeToAsk(tick)) return;
    const { robot, policy, task } = this.options;
    const taken = this.synchroniser.take(policy.cameras, task.prompt, robot.clock.now());
    if (!('observation' in taken)) return;
    this.pending = this.ask(tick, taken.observation, this.joinAt(tick));
    this.schedule.asked(tick);
  }

  /**
   * Puts the pending chunk in play if it is ready and step `tick`, due at `due` (ns), is its turn. With `awaitChunks`,
   * `wait` waits for it. Returns the error if sampling failed or the chunk must not be played. A chunk of a policy that
   * is out of reach is given up; the next step requests another.
   */
  async takeOver(
    tick: number,
    due: bigint,
    wait: (done: Promise<void>) => Promise<void>,
  ): Promise<UserError | undefined> {
    if (!this.pending) return undefined;
    const isTurn = this.schedule.isTurn(tick);
    if (isTurn && this.options.awaitChunks) await wait(this.pending.settled);
    const { answer, index } = this.pending;
    if (!answer) return undefined;
    if ('error' in answer) {
      if (answer.error instanceof PolicyAway) return this.giveUp(answer.error);
      const error = new UserError(
        `the policy failed at chunk ${index}: ${messageOf(answer.error)}`,
        { cause: answer.error },
      );
      if (isNoChunk(error)) this.counts.refusedChunks += 1;
      return error;
    }
    if (!isTurn) return undefined;
    const blindness = blindnessOf(answer.chunk, this.options.robot.embodiment);
    if (blindness !== undefined) return blindness;
    this.play(this.pending, answer, tick, due);
    this.pending = undefined;
    return undefined;
  }

  /** [joints] desired at step `tick`; null where no row is left. */
  row(tick: number): Float64Array | null {
    const row = this.player.row(tick);
    this.starved = row ? 0 : this.starved + 1;
    if (!row) this.counts.starvedSteps += 1;
    return row;
  }

  /** Consecutive control steps without a row to play. */
  get starvedSteps(): number {
    return this.starved;
  }

  /** Why rows are lacking: undefined where it is only that the chunk is late. */
  get awayBecause(): string | undefined {
    return this.away?.message;
  }

  /** Counts the row of step `tick` as sent at `now`. */
  sent(tick: number, now: bigint): void {
    this.player.sent(tick);
    if (!this.playing || this.playing.timeline.firstCommand !== null) return;
    this.playing.timeline.firstCommand = now;
    this.options.meters?.firstCommand(this.playing.timeline, oldestStamp(this.playing.observation));
  }

  /** Ends the chunk in play. */
  finish(): void {
    this.retire(this.player.finish());
  }

  private ask(tick: number, observation: Observation, join?: Join): ChunkRequest {
    const { policy, robot, seed } = this.options;
    const index = this.requests++;
    const noise = { seed: noiseSeed(seed, index), attempt: seed };
    const observed = { ...observation, turn: this.turnAt(tick) };
    const asked = { index, origin: tick, observation: observed };
    return requestChunk(policy, robot.clock, asked, noise, join);
  }

  /** When a chunk that is requested at step `tick` takes over. */
  private turnAt(tick: number): Turn {
    const { executeSteps, horizon } = this.options.policy;
    const standsStill = this.join === 'synchronous';
    const delay = standsStill ? 0 : this.schedule.predictedDelay();
    const { joints } = this.options.robot.embodiment;
    const ahead = delay > 0 ? this.player.ahead(tick) : null;
    const committed = ahead?.slice((delay - 1) * joints.length, delay * joints.length);
    return {
      elapsed: tick === 0 ? 0 : tick + delay,
      delay,
      ...(committed?.length === joints.length && { committed }),
      from: delay,
      to: Math.min(horizon, delay + executeSteps),
    };
  }

  /** The rows in play that a chunk requested at step `tick` joins, if its join is sampled. */
  private joinAt(tick: number): Join | undefined {
    const rows = sampledJoin(this.join) ? this.player.ahead(tick) : null;
    return rows ? { rows, delay: this.schedule.predictedDelay() } : undefined;
  }

  private play(
    { index, observation, origin, requested }: ChunkRequest,
    { chunk, arrived }: Extract<ChunkRequest['answer'], { arrived: bigint }>,
    tick: number,
    due: bigint,
  ): void {
    const { robot, policy, recorder, meters, onChunk } = this.options;
    const { join } = this;
    const { actions, horizon, timing } = chunk;
    recorder?.sampled(observation, actions);
    const delay = tick - origin;
    const joined = robot.clock.now();
    const timeline = { requested, arrived, joined, firstCommand: null, timing };
    const content: SampledChunk = { index, observation, chunk, delay, join, timeline };
    this.playing = content;
    this.away = undefined;
    const standsStill = join === 'synchronous';
    const played = standsStill
      ? { content, origin: tick, actions, horizon: policy.executeSteps }
      : { content, origin, actions, horizon };
    this.retire(this.player.swap(played, tick));
    const period = controlPeriod(robot.embodiment);
    const took = Math.max(0, delay - Number((due - arrived) / period));
    this.schedule.tookOver(tick, origin, took);
    if (this.starved > 0 && !standsStill) this.warnOfStarvation(index, took);
    this.counts.chunks += 1;
    if (chunk.tokens?.excess !== undefined) this.counts.mendedChunks += 1;
    countChunk(this.counts.chunkTally, timing);
    meters?.chunk(chunk);
    onChunk?.(this.counts, content);
  }

  private giveUp(reason: PolicyAway): undefined {
    this.away = reason;
    this.pending = undefined;
  }

  private retire(played: Played<SampledChunk> | undefined): void {
    if (played) this.options.recorder?.played(recordOf(played));
  }

  /** Warns of the control steps that passed without a row before a late chunk. */
  private warnOfStarvation(index: number, took: number): void {
    const { policy, warn } = this.options;
    const rowsLeft = rowsAfterExecution(policy);
    warn?.(
      `the arms stood still for ${this.starved} control steps, for want of rows: chunk ${index} was there after ${took}` +
        (took > rowsLeft
          ? `, and rows last for ${rowsLeft}; use a faster device or a smaller policy, or execute fewer rows of each chunk`
          : ''),
    );
  }
}

const rowsAfterExecution = ({ horizon, executeSteps }: ChunkPolicy) => horizon - executeSteps;
