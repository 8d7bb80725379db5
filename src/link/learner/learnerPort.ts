import { demandKeys } from '../wire/address.ts';
import { openLinkProcess } from '../../processes/childProcess.ts';
import type { LearnerFunctions, LearnerWork } from './learnerProcess.ts';
import type { OwnerFunctions } from './learnerProcess.ts';

export interface LearnerPortOptions extends LearnerWork {
  /** Hears of each episode once it is on the disk; what came before lies in `folder/episodes`. */
  onEpisode: (episode: { name: string; path: string }) => void;
  /** Hears what an operator should know, a line each. */
  log: (line: string) => void;
}

/** The learner's end of the link. */
export interface LearnerPort {
  /** With the port that was found, where any was asked for. */
  readonly address: string;
  /**
   * Sends an adapter's file to all runtimes, now and when they connect; resolves to its version when
   * it is on this disk. `parent` is the version that it was trained from. Throws a `UserError`.
   */
  publish(file: string, parent: string): Promise<string>;
  close(): Promise<void>;
}

/**
 * Listens for runtimes and keeps their episodes in `folder/episodes`. Throws a `UserError` for an
 * address, a folder or keys that cannot be used.
 */
export async function openLearnerPort(options: LearnerPortOptions): Promise<LearnerPort> {
  const { onEpisode, log, folder, address, keys } = options;
  demandKeys(address, keys);
  const { base, version } = options.policy;
  const work: LearnerWork = { folder, address, keys, policy: { base, version } };
  const mine: OwnerFunctions = { log, episode: onEpisode };
  const learner = await openLinkProcess<LearnerFunctions, LearnerWork, string>({
    module: new URL('./learnerProcess.js', import.meta.url),
    work,
    mine: { ...mine },
    again: (found) => ({ ...work, address: found }),
    crashed: log,
  });
  return {
    address: learner.started,
    publish: (file, parent) => learner.ask('publish', { file, parent }),
    close: learner.close,
  };
}
