import type { CourierStatus } from './courierMessages.ts';
import { messageOf } from '../../errors.ts';
import type { Adapter } from '../../policy/bundle/adapter.ts';
import type { ReaderFunctions } from './adapterReader.ts';
import { demandKeys, demandPeer, robotIn } from '../wire/address.ts';
import { openThread, startProcess, whenOpen } from '../../processes/child.ts';
import { keepRunning } from '../../processes/restart.ts';
import type { CourierFunctions, CourierWork, OwnerFunctions } from './courierMessages.ts';

export interface CourierOptions extends CourierWork {
  /** Plays an adapter from the next chunk on; rejects if it cannot. */
  onAdapter: (adapter: Adapter) => Promise<void>;
  /** Hears what an operator should know, a line each. */
  log: (line: string) => void;
}

/** The runtime's end of the link. Nothing of it waits, works or throws in the thread that calls it. */
export interface Courier {
  /** Looks for finished episodes and their labels in the folder. */
  notify(): void;
  status(): CourierStatus;
  close(): Promise<void>;
}

/**
 * Offers the finished episodes of a folder and their labels to the learner until it has them all, and takes its
 * adapters, through every absence of the learner. Throws a `UserError` for an address, a folder or
 * keys that cannot be used.
 */
export async function openCourier(options: CourierOptions): Promise<Courier> {
  const { onAdapter, log, episodes, adapters, address, keys, embodiment } = options;
  demandPeer(address);
  demandKeys(address, keys);
  const { base, family, architecture, cameras, trainable, version } = options.policy;
  const policy = { base, family, architecture, cameras, trainable, version };
  const robot = robotIn(address);
  const reader = await openThread<ReaderFunctions>(new URL('./adapterReader.js', import.meta.url), {
    name: 'the thread that reads adapters',
  });
  reader.ended.catch((error: Error) => closing || log(error.message));
  let closing = false;
  let status: CourierStatus = {
    connected: false,
    pending: 0,
    acknowledged: 0,
    version,
    lastError: null,
    refused: null,
  };
  const local: OwnerFunctions = {
    adopt: async (file) => onAdapter(await reader.ask('read', file, policy, robot)),
    log,
    status(now) {
      status = now;
    },
  };
  const data: CourierWork = { episodes, adapters, address, keys, policy, embodiment };
  // Sockets are polled, hashed for and flushed far from this event loop, and crash without it.
  const module = new URL('./courierProcess.js', import.meta.url);
  const start = () =>
    startProcess<CourierFunctions>(module, { name: "the link's process", data, local });
  const close = async () => {
    closing = true;
    await reader.close();
  };
  const first = await whenOpen(start()).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  const courier = keepRunning<CourierFunctions>({
    first,
    start,
    onEnd(error) {
      const lastError = messageOf(error);
      status = { ...status, connected: false, lastError };
      log(lastError);
    },
  });
  return {
    notify: () => courier.notify('notify'),
    status: () => status,
    async close() {
      await courier.close();
      await close();
    },
  };
}
