import { randomUUID } from 'node:crypto';
import { UserError, messageOf, unready } from '../errors.ts';
import type { ChunkRecord, EpisodeResult, Outcome } from '../episodes/episode.ts';
import { type EpisodeRecorder, recordEpisode } from '../episodes/recordEpisode.ts';
import type { Bundle } from '../policy/bundle/config.ts';
import { robotOf } from '../policy/bundle/robotOf.ts';
import type { Chunk, Observation } from '../policy/chunkPolicy.ts';
import type { Embodiment } from '../robot/embodiment.ts';
import type { Ending } from './request.ts';

export interface AttemptsOptions {
  /** Where episodes go. */
  folder: string;
  bundle: Bundle;
  /** Control steps a second of the robots. */
  rate: number;
  /** Rows of a chunk that were played where the client does not say it. */
  executeSteps: number;
  /** Called when an episode is on disk. */
  onEpisode: () => void;
  /** Called with what was not recorded, and why. */
  onProblem: (problem: string) => void;
}

/** A chunk that was sampled for a client. */
export interface Asked {
  observation: Observation;
  chunk: Chunk;
  /** Rows that the client will have played of the chunk before when this one takes over. */
  delay: number;
}

/** The attempts of one client, one after another, each an episode. */
export interface ClientAttempts {
  /**
   * Says that the client asks again: `executed` rows of its last chunk were played, as far as it says. Another prompt
   * begins another attempt, and so does the first request after an end.
   */
  begin(prompt: string, executed: number | undefined): void;
  /** Counts from 0 over all clients. */
  readonly number: number;
  /** Keeps what was sampled for it. */
  sampled(asked: Asked): void;
  /** Ends the attempt; resolves to the episode's name when it is on disk. Throws a `UserError` if there is none. */
  end(ending: Ending): Promise<string>;
  /** The client is gone: an attempt under way is discarded. */
  left(): void;
}

export interface Attempts {
  of(): ClientAttempts;
  /** Discards what is under way, and waits until all is on disk. */
  close(): Promise<void>;
}

const REWARDS: Record<Outcome, number | null> = { success: 1, failure: 0, discarded: null };

/** No limits are known of a client's robot, and none are applied to it; rad, m or what its actions are. */
const UNLIMITED = { lower: -1000, upper: 1000, velocity: 1000, acceleration: 1000, home: 0 };

/** A client's robot: what the bundle and the images that it sent tell of it. */
function embodimentOf(bundle: Bundle, controlRate: number, { frames }: Observation): Embodiment {
  const { name, joints } = robotOf(bundle);
  return {
    name,
    controlRate,
    joints: joints.map((joint) => ({ name: joint, kind: 'arm', ...UNLIMITED })),
    cameras: frames.map(({ camera, width, height }) => ({ name: camera, width, height })),
  };
}

/** One attempt that is under way. */
class Attempt {
  readonly prompt: string;
  readonly number: number;
  private readonly options: AttemptsOptions;
  private recorder: Promise<EpisodeRecorder> | undefined;
  private name = '';
  /** The chunk in play. */
  private played: ChunkRecord | undefined;
  private chunks = 0;
  private steps = 0;
  /**
   * The next observation's stamp, ns. A client's clock is not known: an attempt begins now, and goes on by the rows
   * that were played.
   */
  private stamp = BigInt(Date.now()) * 1_000_000n;

  constructor(prompt: string, number: number, options: AttemptsOptions) {
    this.prompt = prompt;
    this.number = number;
    this.options = options;
  }

  /** Whether anything is recorded of it. */
  get isRecorded(): boolean {
    return this.recorder !== undefined;
  }

  /** Settles how many rows of the chunk in play were played, at most all that it has. */
  settle(said: number | undefined): void {
    const { played: chunk, recorder } = this;
    if (!chunk || !recorder) return;
    this.played = undefined;
    const { executeSteps, rate } = this.options;
    const rows = Math.min(said ?? executeSteps, chunk.horizon - chunk.delay);
    const record = { ...chunk, executedFrom: chunk.delay, executedTo: chunk.delay + rows };
    const period = BigInt(Math.round(1e9 / rate));
    void this.write((episode) => {
      const size = record.actions.length / record.horizon;
      for (let row = record.executedFrom; row < record.executedTo; row++)
        episode.command(
          record.observationStamp + BigInt(row) * period,
          Float64Array.from(record.actions.subarray(row * size, (row + 1) * size)),
        );
      episode.played(record);
    });
    this.steps += rows;
    // Stamps differ, so that each image is found by its own.
    this.stamp += rows > 0 ? BigInt(rows) * period : 1n;
  }

  sampled({ observation, chunk, delay }: Asked): void {
    const { stamp } = this;
    const frames = observation.frames.map((frame) => ({ ...frame, stamp }));
    const joints = { ...observation.joints, stamp };
    this.recorder ??= this.start(observation, chunk.policyVersion);
    const {
      actions,
      noise,
      horizon,
      policyVersion,
      integration,
      joined,
      view,
      offset,
      tokens,
      chain,
    } = chunk;
    void this.write((episode) => {
      episode.joints(joints);
      episode.sampled({ ...observation, joints, frames }, actions, horizon);
    });
    const index = this.chunks++;
    this.played = {
      ...{ index, policyVersion, observationStamp: stamp, horizon, actions, noise, delay },
      frameStamps: Object.fromEntries(frames.map(({ camera }) => [camera, stamp])),
      state: joints.position,
      ...{ executedFrom: delay, executedTo: delay, held: 0 },
      join: joined?.kind ?? 'synchronous',
      ...(joined && { joined }),
      ...(integration && { integration }),
      ...(view && { view }),
      ...(offset && { offset }),
      ...(tokens && { tokens }),
      ...(chain && { chain }),
    };
  }

  /** Ends the episode; resolves to its name. */
  async finish({ outcome, executed }: Ending, problem?: string): Promise<string> {
    this.settle(executed);
    const result: EpisodeResult = {
      outcome,
      reward: REWARDS[outcome],
      stagedReward: REWARDS[outcome] ?? 0,
      steps: this.steps,
      ...(problem !== undefined && { problem }),
    };
    const recorder = await this.recorder;
    if (!recorder) throw unready('nothing was sampled in this attempt, so that there is no episode of it'); // prettier-ignore
    await recorder.finish(result);
    this.options.onEpisode();
    return this.name;
  }

  private start(observation: Observation, version: string): Promise<EpisodeRecorder> {
    const { folder, bundle, rate } = this.options;
    this.name = `${new Date().toISOString().replace(/[:.]/g, '-')}-served-${randomUUID().slice(0, 8)}`;
    return recordEpisode(folder, {
      id: this.name,
      embodiment: embodimentOf(bundle, rate, observation),
      task: this.prompt,
      prompt: this.prompt,
      seed: this.number,
      policy: `${bundle.name} ${version}`,
    });
  }

  /** In the order of the calls; what cannot be written is told when the episode ends. */
  private write(put: (episode: EpisodeRecorder) => void): Promise<void> | undefined {
    return this.recorder?.then(put, () => undefined);
  }
}

/** Records what clients do with the chunks that they are sent: of each attempt an episode. */
export function createAttempts(options: AttemptsOptions): Attempts {
  let made = 0;
  const finishing = new Set<Promise<unknown>>();
  const discards = new Set<(problem: string) => void>();

  function finish(attempt: Attempt, ending: Ending, problem?: string): Promise<string> {
    const finished = attempt.finish(ending, problem);
    const settled = finished.catch(() => undefined).finally(() => finishing.delete(settled));
    finishing.add(settled);
    return finished;
  }

  return {
    of() {
      let current: Attempt | undefined;
      const discard = (problem: string) => {
        const attempt = current;
        current = undefined;
        if (attempt?.isRecorded)
          finish(attempt, { outcome: 'discarded' }, problem).catch((error: unknown) =>
            options.onProblem(messageOf(error)),
          );
      };
      discards.add(discard);
      return {
        begin(prompt, executed) {
          if (current && current.prompt !== prompt)
            discard('another prompt came before the attempt was ended');
          current?.settle(executed);
          current ??= new Attempt(prompt, made++, options);
        },
        get number() {
          return current?.number ?? made;
        },
        sampled: (asked) => current?.sampled(asked),
        async end(ending) {
          const attempt = current;
          current = undefined;
          if (!attempt)
            throw new UserError(
              'nalu.end: there is no attempt to end; it begins with an observation',
              { kind: 'unready', fields: ['nalu.end'] },
            );
          return finish(attempt, ending);
        },
        left() {
          discards.delete(discard);
          discard('the client left before the attempt was ended');
        },
      };
    },
    async close() {
      for (const discard of discards) discard('the server ended before the attempt did');
      await Promise.all(finishing);
    },
  };
}
