import { parentPort } from 'node:worker_threads';
import { UserError } from '../../errors.ts';
import { type Adapter, readAdapter } from '../../policy/bundle/adapter.ts';
import { correspond } from '../../processes/correspondence.ts';
import type { AdaptedPolicy, AdapterFile } from './inbox.ts';

/** A thread beside the control loop's that reads and checks adapters, into shared memory. */
export interface ReaderFunctions {
  read: (given: AdapterFile & { policy: AdaptedPolicy }) => Promise<Adapter>;
}

const port = parentPort;
if (!port) throw new Error('adapterReader.ts runs in a worker thread');

correspond(port, {
  async read({ path, version, policy }) {
    const adapter = await readAdapter(path, policy);
    if (adapter.version !== version)
      throw new UserError(`${path}: holds the adapter ${adapter.version}, not ${version}`);
    return adapter;
  },
} satisfies ReaderFunctions);
