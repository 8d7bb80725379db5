import { type Address, parseAddress } from '../wire/address.ts';
import { readRuntimeKeys } from '../wire/keys.ts';
import type { CourierWork } from './courierMessages.ts';
import type { OpenSession } from './session.ts';

async function zeromq({ address, keys }: CourierWork): Promise<OpenSession> {
  const { openSession } = await import('./courierSession.ts');
  const read = keys === undefined ? undefined : await readRuntimeKeys(keys);
  return (options) => openSession({ address, keys: read }, options);
}

async function nats({ address, keys, episodes, embodiment }: CourierWork): Promise<OpenSession> {
  const { openNatsSession } = await import('../nats/robotSession.ts');
  const { readNatsCredentials } = await import('../../nats/credentials.ts');
  if (keys !== undefined) await readNatsCredentials(keys);
  return (options) => openNatsSession({ address, keys, episodes, embodiment }, options);
}

/** How a runtime reaches its learner, by the kind of address. */
const BY_KIND: Record<Address['kind'], (work: CourierWork) => Promise<OpenSession>> = {
  ipc: zeromq,
  tcp: zeromq,
  nats,
};

/** How to open sessions with a courier's learner. Throws a `UserError` for keys that cannot be used. */
export const sessionsWith = (work: CourierWork): Promise<OpenSession> =>
  BY_KIND[parseAddress(work.address).kind](work);
