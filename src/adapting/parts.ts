import { join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { UserError } from '../errors.ts';
import type { LearnerEvent } from '../learning/events.ts';
import { folderAddress } from '../link/wire/address.ts';
import { type Courier, openCourier } from '../link/robot/courier.ts';
import { readAdapterHead, writeAdapter } from '../policy/bundle/adapter.ts';
import { ADAPTER_FILE } from '../policy/bundle/bundleFiles.ts';
import { ignoresNoise } from '../policy/families/registry.ts';
import type { MethodName } from '../learning/methodNames.ts';
import type { Trainable } from '../policy/trainable.ts';
import { SIM_CALIBRATION } from '../sim/embodiment.ts';
import { type LearnerProcess, startLearner } from './learnerProcess.ts';
import { type Makers, openMakers } from '../rollouts/makers.ts';
import type { RolloutPool } from '../rollouts/pool.ts';
import type { RolloutSettings } from '../rollouts/rolloutWorker.ts';
import type { Bundle } from '../policy/bundle/config.ts';

/** Where an adaptation keeps what. */
export interface AdaptFolders {
  runtime: string;
  /** Attempts that the learner does not have yet. */
  recorded: string;
  learner: string;
}

export interface AdaptPartsOptions {
  folders: AdaptFolders;
  bundle: Bundle;
  method: MethodName;
  /** YAML of FPO. */
  config?: string;
  trainable: Trainable;
  batch: number;
  seed: number;
  attempts: Pick<
    RolloutSettings,
    'task' | 'scene' | 'sceneMap' | 'executeSteps' | 'join' | 'delay' | 'integration' | 'gap'
  >;
  makers: Makers;
  onEvent: (event: LearnerEvent) => void;
  log: (line: string) => void;
  /** Gets the text of the learner's stderr. */
  onLearnerText: (text: string) => void;
}

/** The processes of an adaptation: those that make attempts, the learner, and the link between them. */
export interface AdaptParts {
  learner: LearnerProcess;
  pool: RolloutPool;
  /** Opens the link when the learner has its folder for itself. */
  open(signal: AbortSignal): Promise<Courier>;
  /** Resolves when attempts are played by what the learner says. Throws a `UserError` where they cannot be. */
  untilPlayed(signal: AbortSignal): Promise<void>;
  /** Whether what is played does the same from random and from zero noise. */
  isNoiseIgnored(): boolean;
  /** Has the learner hear that an episode was labelled, wherever it lies. */
  relabelled(id: string): void;
  /** Rejects with a `UserError` when one of them cannot go on. */
  readonly failed: Promise<never>;
  /** Ends them all, whatever they do. */
  close(): Promise<void>;
}

/** Milliseconds between looks at which version is played. */
const LOOK_EVERY = 20;

/** Starts the learner and those who make attempts. Throws a `UserError` where these cannot be had. */
export async function startAdaptParts(options: AdaptPartsOptions): Promise<AdaptParts> {
  const { folders, bundle, method, config, trainable, batch, seed, attempts, makers, log } =
    options;
  const policy = resolve(bundle.folder);
  const pool = await openMakers({ policy, trainable, ...attempts }, makers, log);
  const learner = startLearner(
    [
      folders.learner,
      ...['--policy', policy, '--calibration', SIM_CALIBRATION],
      ...['--method', method, '--batch', String(batch), '--seed', String(seed)],
      ...(config === undefined ? [] : ['--config', resolve(config)]),
    ],
    { onEvent: options.onEvent, onText: options.onLearnerText },
  );
  const newest = join(folders.runtime, 'newest.safetensors');
  let played = bundle.version;
  let told: Parameters<typeof ignoresNoise>[1] =
    bundle.trainable && (await readAdapterHead(join(policy, ADAPTER_FILE)));
  let courier: Courier | undefined;
  let opening: Promise<Courier> | undefined;

  const openLink = () =>
    openCourier({
      episodes: folders.recorded,
      adapters: join(folders.runtime, 'adapters'),
      address: folderAddress(folders.learner),
      policy: { ...bundle, trainable },
      async onAdapter(next) {
        await writeAdapter(newest, next);
        await pool.adopt(newest);
        played = next.version;
        const { ticket, choice, steering } = next;
        told = { ticket, choice, steering };
      },
      log,
    });

  return {
    learner,
    pool,
    failed: Promise.race([learner.failed, pool.failed]),
    async open(signal) {
      await learner.consumed(0, signal);
      opening = openLink();
      courier = await opening;
      return courier;
    },
    async untilPlayed(signal) {
      while (played !== learner.version()) {
        signal.throwIfAborted();
        const refused = courier?.status().refused;
        if (refused) throw new UserError(refused, { kind: 'mismatch' });
        await setTimeout(LOOK_EVERY);
      }
    },
    isNoiseIgnored: () => ignoresNoise(bundle, told),
    relabelled(id) {
      courier?.notify();
      // One that is started again reads all labels.
      learner.order('relabelled', id).catch(() => undefined);
    },
    async close() {
      // An adapter that they were to take over is then given up, and the link with it.
      await pool.close();
      const opened = await opening?.catch(() => undefined);
      await opened?.close();
      await learner.stop();
    },
  };
}
