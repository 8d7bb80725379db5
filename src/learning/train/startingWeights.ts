import type { Graph } from '../../onnx/graph.ts';
import { Tensor } from '../../session/session.ts';
import { gaussianNoise } from '../../tensors/noise.ts';
import type { Bundle } from '../../policy/bundle/config.ts';
import { learnedOf } from '../../policy/families/registry.ts';
import type { Parameter, Trainable } from '../../policy/trainable.ts';
import { flatten } from './parameters.ts';

const PARAMETER_STREAM = 5;

/** A bundle whose weights are read. */
type Stored = Pick<Bundle, 'folder' | 'family' | 'architecture'>;

/** Where parameters begin: at the bundle's weights; adapters at B = 0 and a random A (Hu et al. 2021). */
export async function startingParameters(
  bundle: Stored,
  trainable: Trainable,
  seed: number,
): Promise<Float32Array> {
  const policy = learnedOf(bundle);
  const parameters = policy.parameters(trainable);
  if (trainable.parameters === 'lora')
    return flatten(parameters, ({ name, shape }, i) => {
      const [rows, columns] = shape;
      if (name.includes('.lora_B.')) return new Float32Array(rows * columns);
      const noise = gaussianNoise([seed, PARAMETER_STREAM, i], rows * columns);
      return noise.map((value) => value / Math.sqrt(columns));
    });
  const names = parameters.map(({ name }) => name);
  const loaded = await policy.loadWeights(bundle.folder, names);
  return flatten(parameters, ({ name }) => loaded.get(name)!);
}

/** Weights that a loss graph takes as they are, beside the `learned` ones: those that adapters are added to. */
export async function frozenWeights(
  bundle: Stored,
  { inputs }: Graph,
  learned: readonly Parameter[],
): Promise<Record<string, Tensor>> {
  const policy = learnedOf(bundle);
  const shapes = policy.weightShapes();
  const given = new Set(learned.map(({ name }) => name));
  const names = inputs
    .map(({ name }) => name)
    .filter((name) => shapes.has(name) && !given.has(name));
  const loaded = await policy.loadWeights(bundle.folder, names);
  return Object.fromEntries(
    names.map((name) => [
      name,
      new Tensor('float32', loaded.get(name)!, shapes.get(name) as number[]),
    ]),
  );
}
