import { demandKeys } from '../wire/address.ts';
import { UserError, messageOf, unready } from '../../errors.ts';
import type { FleetOrder, FleetStatus } from '../nats/fleet.ts';
import type { Plan } from './plan.ts';
import { startProcess, whenOpen } from '../../processes/child.ts';
import { keepRunning } from '../../processes/restart.ts';
import type { LearnerFunctions, LearnerWork, OwnerFunctions } from './learnerProcess.ts';
import type { KeptEpisode } from './store.ts';

export interface LearnerPortOptions extends LearnerWork {
  /** Hears of each episode once it is on the disk; what came before lies in `folder/episodes`. */
  onEpisode: (episode: KeptEpisode) => void;
  /** Hears of labels that came after their episode, once they are on the disk. */
  onLabels?: (episode: KeptEpisode) => void;
  /** Hears the names of the robots that are there, where they have names. */
  onRobots?: (names: readonly string[]) => void;
  /** Carries out what a person orders over the link; gives what came of it, or rejects with why not. */
  obey?: (order: FleetOrder) => Promise<string>;
  /** Hears that another learner serves the robots now: this one must end. */
  onReplaced?: (error: UserError) => void;
  /** Hears what an operator should know, a line each. */
  log: (line: string) => void;
}

/** The learner's end of the link. */
export interface LearnerPort {
  /** With the port that was found, where any was asked for. */
  readonly address: string;
  /**
   * Sends an adapter's file to all runtimes, or to whom the plan says, now and when they connect; resolves to its
   * version when it is on this disk. `parent` is the version that it was trained from. Throws a `UserError`.
   */
  publish(file: string, parent: string, plan?: Plan): Promise<string>;
  /** Tells those who watch how the fleet is. */
  tell(status: FleetStatus): void;
  close(): Promise<void>;
}

const notOpen = () => Promise.reject(unready('the learner takes no orders yet; ask again'));

/**
 * Listens for runtimes and keeps their episodes in `folder/episodes`. Throws a `UserError` for an
 * address, a folder or keys that cannot be used.
 */
export async function openLearnerPort(options: LearnerPortOptions): Promise<LearnerPort> {
  const { onEpisode, onLabels = () => undefined, log, folder, address, keys, embodiment } = options;
  const { onRobots = () => undefined, obey = notOpen } = options;
  const { onReplaced = (error) => log(error.message) } = options;
  demandKeys(address, keys);
  const { base, version } = options.policy;
  const data: LearnerWork = { folder, address, keys, policy: { base, version }, embodiment };
  const taken = (why: string) => new UserError(why, { kind: 'unready', subject: data.address });
  const local: OwnerFunctions = {
    ...{ log, obey, episode: onEpisode, labels: onLabels, robots: onRobots },
    replaced: (why) => onReplaced(taken(why)),
  };
  const module = new URL('./learnerProcess.js', import.meta.url);
  const start = () =>
    startProcess<LearnerFunctions>(module, { name: "the link's process", data, local });
  const first = await whenOpen(start());
  // One that is started again takes the port that the first one found.
  data.address = await first.ask('address');
  const learner = keepRunning<LearnerFunctions>({
    first,
    start,
    onEnd(error) {
      const isTaken =
        error instanceof UserError && error.kind === 'unready' && error.subject === data.address;
      if (isTaken) onReplaced(error);
      else log(messageOf(error));
    },
  });
  return {
    address: data.address,
    publish: (file, parent, plan) => learner.ask('publish', file, parent, plan),
    tell: (status) => learner.notify('tell', status),
    close: learner.close,
  };
}
