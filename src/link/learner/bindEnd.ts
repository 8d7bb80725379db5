import { type Address, parseAddress } from '../wire/address.ts';
import type { BoundPlace, LearnerPlace } from './learnerEnd.ts';

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
