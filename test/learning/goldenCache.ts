import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Tensor } from 'onnxruntime-node';
import { writeModel } from '../../src/onnx/modelFile.ts';
import { readSafetensorsHeader } from '../../src/tensors/safetensors.ts';
import { openSession } from '../../src/session/session.ts';
import type { Pi0Config } from '../../src/policy/families/pi0/config.ts';
import { prefixGraph } from '../../src/policy/paligemma/prefixCache.ts';
import { externalWeights } from '../../src/policy/paligemma/weights.ts';
import { withFolder } from '../onnx/run.ts';
import { GOLDEN, type goldenTensors, stackCameras } from '../policy/golden.ts';

export type Lookup = Awaited<ReturnType<typeof goldenTensors>>;

/** Keys and values of the golden observations, computed by the prefix graph. */
export function goldenCache(config: Pi0Config, inputs: Lookup): Promise<Record<string, Tensor>> {
  return withFolder(async (folder) => {
    const file = join(folder, 'model.safetensors');
    await copyFile(join(GOLDEN, 'model.safetensors'), file);
    const source = externalWeights(await readSafetensorsHeader(file), file, file);
    const path = join(folder, 'prefix.onnx');
    await writeModel(prefixGraph(config, source, 'floats'), path);
    const session = await openSession(path);
    const cameras = [0, 1, 2];
    const cache = await session.run({
      images: stackCameras(cameras.map((i) => inputs(`image.${i}`))),
      camera_mask: stackCameras(cameras.map((i) => inputs(`image_mask.${i}`))),
      tokens: inputs('lang_tokens'),
      token_mask: inputs('lang_masks'),
    });
    await session.release();
    return cache;
  });
}
