import type { CourierStatus } from './courierMessages.ts';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { UserError } from '../../errors.ts';
import type { Adapter } from '../../policy/bundle/adapter.ts';
import type { ReaderFunctions } from './adapterReader.ts';
import { demandKeys, demandPeer } from '../wire/address.ts';
import { openLinkProcess } from '../../processes/childProcess.ts';
import { correspond } from '../../processes/correspondence.ts';
import type { CourierFunctions, CourierWork, OwnerFunctions } from './courierMessages.ts';

export interface CourierOptions extends CourierWork {
  /** Plays an adapter from the next chunk on; rejects if it cannot. */
  onAdapter: (adapter: Adapter) => Promise<void>;
  /** Hears what an operator should know, a line each. */
  log: (line: string) => void;
}

/** The runtime's end of the link. Nothing of it waits, works or throws in the thread that calls it. */
export interface Courier {
  /** Looks for finished episodes in the folder. */
  notify(): void;
  status(): CourierStatus;
  close(): Promise<void>;
}

/**
 * Offers the finished episodes of a folder to the learner until it has them all, and takes its
 * adapters, through every absence of the learner. Throws a `UserError` for an address, a folder or
 * keys that cannot be used.
 */
export async function openCourier(options: CourierOptions): Promise<Courier> {
  const { onAdapter, log, episodes, adapters, address, keys } = options;
  demandPeer(address);
  demandKeys(address, keys);
  const { base, pi0, cameras, trainable, version } = options.policy;
  const policy = { base, pi0, cameras, trainable, version };
  const thread = new Worker(new URL('./adapterReader.js', import.meta.url));
  const gone = once(thread, 'exit').then(() => {
    throw new UserError('the thread that reads adapters ended');
  });
  gone.catch(() => undefined);
  thread.on('error', (error) => log(`reading adapters stopped: ${error.message}`));
  const reader = correspond<ReaderFunctions>(thread, {}, gone);
  let status: CourierStatus = {
    connected: false,
    pending: 0,
    acknowledged: 0,
    version,
    lastError: null,
    refused: null,
  };
  const mine: OwnerFunctions = {
    adopt: async (file) => onAdapter(await reader.ask('read', { ...file, policy })),
    log,
    status(now) {
      status = now;
    },
  };
  const work: CourierWork = { episodes, adapters, address, keys, policy };
  try {
    const courier = await openLinkProcess<CourierFunctions, CourierWork, void>({
      module: new URL('./courierProcess.js', import.meta.url),
      work,
      mine: { ...mine },
      crashed(lastError) {
        status = { ...status, connected: false, lastError };
        log(lastError);
      },
    });
    return {
      notify: () => courier.tell('notify', null),
      status: () => status,
      async close() {
        await courier.close();
        await thread.terminate();
      },
    };
  } catch (error) {
    await thread.terminate();
    throw error;
  }
}
