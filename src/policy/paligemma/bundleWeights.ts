import { join } from 'node:path';
import type { Shape } from '../../onnx/dim.ts';
import { WEIGHTS_FILE } from '../bundle/bundleFiles.ts';
import type { Learned } from '../learnable.ts';
import { loadWeights, weightSources } from './weights.ts';

/** How training gets at the weights of a bundle that holds these, under openpi's names. */
export function bundleWeights(
  shapes: () => ReadonlyMap<string, Shape>,
): Pick<Learned, 'weightShapes' | 'loadWeights' | 'weightSources'> {
  const weightsIn = (folder: string) => join(folder, WEIGHTS_FILE);
  return {
    weightShapes: shapes,
    loadWeights: (folder, names) => loadWeights(weightsIn(folder), names),
    weightSources: (folder) => weightSources(weightsIn(folder), shapes()),
  };
}
