import { invalid } from '../../errors.ts';
import { readAdapter } from '../../policy/bundle/readAdapter.ts';
import type { Adapter } from '../../policy/bundle/adapter.ts';
import { serve } from '../../processes/serve.ts';
import type { AdaptedPolicy, AdapterFile } from './inbox.ts';

/** A thread beside the control loop's that reads and checks adapters, into shared memory. */
export interface ReaderFunctions {
  read: (file: AdapterFile, policy: AdaptedPolicy) => Promise<Adapter>;
}

serve<ReaderFunctions>(() => ({
  async read({ path, version }, policy) {
    const adapter = await readAdapter(path, policy);
    if (adapter.version !== version)
      throw invalid(path, `holds the adapter ${adapter.version}, not ${version}`);
    return adapter;
  },
}));
