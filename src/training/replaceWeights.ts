import { join } from 'node:path';
import { replaceFiles } from '../files/replaceFiles.ts';
import { ADAPTER_FILE, WEIGHTS_FILE, GOLDEN_FILE } from '../policy/bundle/bundle.ts';
import { type TensorSource, writeSafetensors } from '../tensors/safetensors.ts';

/** Writes other weights into a bundle of one weights file, whole or not at all. */
export const replaceWeights = (folder: string, weights: readonly TensorSource[]): Promise<void> =>
  replaceFiles(
    folder,
    (staging) => writeSafetensors(join(staging, WEIGHTS_FILE), weights),
    // Both are of the weights before.
    () => [GOLDEN_FILE, ADAPTER_FILE],
  );
