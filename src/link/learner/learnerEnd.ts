import { type Address, parseAddress } from '../wire/address.ts';
import type { RobotEmbodiment } from '../nats/subjects.ts';
import type { Lineage } from '../robot/lineage.ts';
import type { KeptEpisode, Store } from './store.ts';

export interface LearnerEndOptions {
  base: string;
  /** What robots must be; absent: any. */
  embodiment?: RobotEmbodiment;
  store: Store;
  lineage: Lineage;
  onEpisode: (episode: KeptEpisode) => void;
  /** Hears of labels of an episode that had come before. */
  onLabels: (episode: KeptEpisode) => void;
  log: (line: string) => void;
}

/** A learner's end that serves its robots. */
export interface LearnerEnd {
  /** Offers the newest adapter to all robots. */
  announce(): Promise<void>;
  /** Resolves when nothing is under way. */
  close(): Promise<void>;
}

/** Where a learner is to meet its robots. */
export interface LearnerPlace {
  address: string;
  keys: string | undefined;
  log: (line: string) => void;
}

/** A place that belongs to this learner alone: nobody else uses its folder. */
export interface BoundPlace {
  /** With the port that was found, where any was asked for. */
  readonly address: string;
  serve(options: LearnerEndOptions): Promise<LearnerEnd>;
  close(): Promise<void>;
}

type Bind = (place: LearnerPlace) => Promise<BoundPlace>;

const zeromq: Bind = async ({ address, keys, log }) => {
  const { bindLearner } = await import('./learnerSocket.ts');
  const { serve } = await import('./learnerSessions.ts');
  const bound = await bindLearner(address, keys, log);
  const close = () => Promise.resolve(bound.close());
  return {
    address: bound.address,
    close,
    serve(options) {
      const sessions = serve({ ...options, socket: bound.socket });
      const end = async () => {
        await close();
        await sessions.ended;
      };
      return Promise.resolve({ announce: () => sessions.announce(), close: end });
    },
  };
};

const nats: Bind = async (place) => {
  const { bindNatsLearner } = await import('../nats/learnerEnd.ts');
  return bindNatsLearner(place);
};

/** How a learner meets its robots, by the kind of address. */
const BY_KIND: Record<Address['kind'], Bind> = { ipc: zeromq, tcp: zeromq, nats };

/** Takes a place for a learner. Throws a `UserError` for an address or keys that cannot be used. */
export const bindEnd: Bind = (place) => BY_KIND[parseAddress(place.address).kind](place);
