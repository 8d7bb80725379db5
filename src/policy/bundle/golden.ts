import { join } from 'node:path';
import { invalid } from '../../errors.ts';
import { type TensorSource, loadSafetensors, writeSafetensors } from '../../tensors/safetensors.ts';
import { Tensor } from '../../session/session.ts';
import type { Feeds } from '../family.ts';
import { GOLDEN_FILE } from './bundleFiles.ts';
import type { Bundle } from './config.ts';

export interface Golden {
  inputs: Feeds;
  /** By stage. */
  outputs: Record<string, Float32Array>;
}

/** The first stage with a number that is not finite; undefined if all are finite. */
const notFinite = (outputs: Golden['outputs']): string | undefined =>
  Object.keys(outputs).find((stage) => !outputs[stage].every(Number.isFinite));

/**
 * Writes golden numbers beside a bundle's weights: inputs, and the stages that its family computes from them.
 * Throws a `UserError` if some are not finite.
 */
export async function writeGolden(
  bundle: Bundle,
  stages: readonly string[],
  inputs: Feeds,
  outputs: Feeds,
): Promise<void> {
  const values = stages.map((stage) => [stage, outputs[stage].data]);
  const stage = notFinite(Object.fromEntries(values) as Golden['outputs']);
  if (stage)
    throw invalid(
      bundle.folder,
      `stage ${stage} holds numbers that are not finite, on the CPU in float32: weights of it are not finite or far too large. No golden numbers were written; import or train it again`,
      stage,
    );
  const sources = (prefix: string, tensors: Feeds, names: readonly string[]) =>
    names.map((name): TensorSource => {
      const { data, dims } = tensors[name];
      return { name: `${prefix}.${name}`, shape: dims, data: data as Float32Array };
    });
  await writeSafetensors(join(bundle.folder, GOLDEN_FILE), [
    ...sources('input', inputs, Object.keys(inputs)),
    ...sources('output', outputs, stages),
  ]);
}

const TYPES = { F32: 'float32', U8: 'uint8', I64: 'int64' } as const;

/**
 * Reads a bundle's golden numbers; undefined if it has none. Throws a `UserError` if they are not finite,
 * because nothing can be compared with them.
 */
export async function readGolden(bundle: Bundle): Promise<Golden | undefined> {
  if (!bundle.hasGolden) return undefined;
  const path = join(bundle.folder, GOLDEN_FILE);
  const { tensors } = await loadSafetensors(path);
  const named = (prefix: string) =>
    [...tensors].flatMap(([name, tensor]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), tensor] as const] : [],
    );
  const inputs = named('input.').map(([name, { dtype, shape, data }]) => {
    const type = TYPES[dtype as keyof typeof TYPES];
    return [name, new Tensor(type, data as Float32Array, shape)] as const;
  });
  const outputs = Object.fromEntries(
    named('output.').map(([name, { data }]) => [name, data]),
  ) as Golden['outputs'];
  const stage = notFinite(outputs);
  if (stage)
    throw invalid(
      path,
      `stage ${stage} holds numbers that are not finite: weights of ${bundle.folder} are not finite or far too large. Nothing can be compared with it; import or train it again`,
      stage,
    );
  return { inputs: Object.fromEntries(inputs), outputs };
}
