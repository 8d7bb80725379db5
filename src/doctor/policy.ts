import { stat } from 'node:fs/promises';
import { UserError } from '../errors.ts';
import { loadBundle } from '../policy/bundle/bundle.ts';
import type { StoredWeights } from '../policy/family.ts';
import { familyOf } from '../policy/families/registry.ts';
import { findingsOf, formatBytes, needed } from './finding.ts';
import { memory } from './machine.ts';
import { nvidiaGpus } from './gpu.ts';
import { bytesNeeded, gpuMemoryVerdict, memoryVerdict } from './memory.ts';
import { type Finding } from './finding.ts';

const { ok, lack } = findingsOf('policy');

/** Bytes of a policy's weights in their files. */
async function weightBytes({ files, header }: StoredWeights): Promise<number> {
  if (header) return [...header.tensors.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** A policy's sampling graph, its path or its bytes, and the folder of its weights. */
export interface SamplingModel {
  model: string | Uint8Array;
  folder: string;
}

/** Findings on a bundle and its memory, and what makes its sampling graph if the bundle is intact. */
export async function policyFindings(
  folder: string,
): Promise<{ findings: Finding[]; sampling?: () => Promise<SamplingModel> }> {
  try {
    const bundle = await loadBundle(folder);
    const family = familyOf(bundle);
    const bytes = await weightBytes(await family.weights(folder, bundle.architecture));
    return {
      findings: [
        needed(ok('bundle', `${bundle.name} ${bundle.version}, ${formatBytes(bytes)} of weights`)),
        memoryVerdict(memory(), bytesNeeded([{ bytes }])),
        ...(await nvidiaGpus()).flatMap((gpu) => gpuMemoryVerdict(gpu, bytes)),
      ],
      sampling: async () => ({ model: await family.samplingModel(bundle), folder }),
    };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return {
      findings: [needed(lack('bundle', error.message, 'give the folder of a whole policy bundle'))],
    };
  }
}
