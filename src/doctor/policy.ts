import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { readShardedHeader } from '../tensors/shards.ts';
import { BUNDLE_FILES, loadBundle } from '../policy/bundle/bundle.ts';
import { findingsOf, formatBytes, needed } from './finding.ts';
import { memory } from './machine.ts';
import { nvidiaGpus } from './gpu.ts';
import { bytesNeeded, gpuMemoryVerdict, memoryVerdict } from './memory.ts';
import { type Finding } from './finding.ts';

const { ok, lack } = findingsOf('policy');

/** A bundle, whether its memory is here; and its sampler's file if it is whole. */
export async function policyFindings(
  folder: string,
): Promise<{ findings: Finding[]; model?: string }> {
  try {
    const bundle = await loadBundle(folder);
    const { tensors } = await readShardedHeader(join(folder, BUNDLE_FILES.weights));
    const entries = [...tensors.values()];
    const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
    return {
      findings: [
        needed(ok('bundle', `${bundle.name} ${bundle.version}, ${formatBytes(bytes)} of weights`)),
        memoryVerdict(memory(), bytesNeeded(entries)),
        ...(await nvidiaGpus()).flatMap((gpu) => gpuMemoryVerdict(gpu, bytes)),
      ],
      model: join(folder, BUNDLE_FILES.sample),
    };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return {
      findings: [needed(lack('bundle', error.message, 'give the folder of a whole policy bundle'))],
    };
  }
}
