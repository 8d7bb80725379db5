import { invalid } from '../../errors.ts';
import { readAdapter } from '../../policy/bundle/readAdapter.ts';
import { type Adapter, adapterFor } from '../../policy/bundle/adapter.ts';
import { serve } from '../../processes/serve.ts';
import type { AdaptedPolicy, AdapterFile } from './inbox.ts';

/** A thread beside the control loop's that reads and checks adapters, into shared memory. */
export interface ReaderFunctions {
  /** The adapter as the robot of this name plays it. */
  read: (file: AdapterFile, policy: AdaptedPolicy, robot?: string) => Promise<Adapter>;
}

serve<ReaderFunctions>(() => ({
  async read({ path, version }, policy, robot) {
    const adapter = await readAdapter(path, policy);
    if (adapter.version !== version)
      throw invalid(path, `holds the adapter ${adapter.version}, not ${version}`);
    return adapterFor(adapter, robot);
  },
}));
