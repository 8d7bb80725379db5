import { createHash } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError, messageOf } from '../errors.ts';
import { encodeModel } from '../onnx/modelFile.ts';
import { readSafetensorsHeader } from '../onnx/safetensors.ts';
import { Tensor } from '../onnx/session.ts';
import { type Adapter, readAdapter } from './adapter.ts';
import { ADAPTER_FILE, BUNDLE_FILES, type Bundle } from './bundle.ts';
import { sampleGraph } from './pi0/graphs.ts';
import { type Trainable, trainableParameters, trainableWeights } from './trainable.ts';
import { externalWeights, loadWeights } from './weights.ts';

type Feeds = Record<string, Tensor>;

/**
 * Writes the sampler whose trainable parameters are inputs, beside the weights that it points to, unless
 * it is there already; gives its path. Throws a `UserError` if the folder cannot be written.
 */
export async function writeAdaptiveGraph(
  { folder, pi0 }: Pick<Bundle, 'folder' | 'pi0'>,
  trainable: Trainable,
): Promise<string> {
  const weights = join(folder, BUNDLE_FILES.weights);
  const key = createHash('sha256').update(JSON.stringify(trainable)).digest('hex').slice(0, 8);
  const path = join(folder, `sample.${trainable.parameters}-${key}.onnx`);
  const frozen = externalWeights(await readSafetensorsHeader(weights), weights, path);
  const model = encodeModel(sampleGraph(pi0, trainableWeights(frozen, trainable), 'bytes'));
  const there = await readFile(path).catch(() => undefined);
  if (there?.equals(model)) return path;
  const partial = `${path}.${process.pid}.partial`;
  try {
    await writeFile(partial, model);
    await rename(partial, path);
  } catch (error) {
    throw new UserError(
      `${path}: cannot be written: ${messageOf(error)}. A policy that takes adapters needs a folder that can be written once`,
      { cause: error },
    );
  }
  return path;
}

/** An adapter's parameters as inputs of the graph. */
export const tensorsOf = ({ parameters }: Adapter): Feeds =>
  Object.fromEntries(
    [...parameters].map(([name, { shape, data }]) => [name, new Tensor('float32', data, shape)]),
  );

/** Parameters to begin with: the bundle's adapter, its own weights, or LoRA factors of zero. */
export async function initialParameters(bundle: Bundle, trainable: Trainable): Promise<Feeds> {
  const { folder, pi0, base } = bundle;
  if (bundle.trainable && JSON.stringify(bundle.trainable) === JSON.stringify(trainable))
    return tensorsOf(await readAdapter(join(folder, ADAPTER_FILE), base, pi0));
  if (bundle.trainable)
    throw new UserError(
      `${folder} has an adapter of ${JSON.stringify(bundle.trainable)}; it cannot be opened for ${JSON.stringify(trainable)}`,
    );
  const parameters = trainableParameters(trainable, pi0);
  const loaded =
    trainable.parameters === 'lora'
      ? undefined
      : await loadWeights(
          join(folder, BUNDLE_FILES.weights),
          parameters.map(({ name }) => name),
        );
  return Object.fromEntries(
    parameters.map(({ name, shape }) => {
      const count = shape.reduce((product, dim) => product * dim, 1);
      const data = loaded?.get(name) ?? new Float32Array(count);
      return [name, new Tensor('float32', data, shape)];
    }),
  );
}
