import { UserError } from '../errors.ts';
import { formatShape, sameShape } from '../onnx/dim.ts';
import { loadSafetensors, writeSafetensors } from '../onnx/safetensors.ts';
import type { Parameter } from '../policy/trainable.ts';
import { STATE, type StateName } from './optimiser.ts';
import { flatten, tensorsIn } from './parameters.ts';
import { type TrainingState, initialState } from './trainer.ts';

const FORMAT = 'nalu-checkpoint-1';

/** Where a run stood, and `run`: what else it needs to go on to the same numbers, as text. */
export interface Checkpoint {
  state: TrainingState;
  run: string;
}

const keyOf = (state: StateName, name: string) => `${state}/${name}`;

/** Writes a checkpoint; a crash or a full disk meanwhile leaves the one before as it was. */
export async function writeCheckpoint(
  path: string,
  { state, run }: Checkpoint,
  parameters: readonly Parameter[],
): Promise<void> {
  const tensors = STATE.flatMap((part) =>
    [...tensorsIn(state.vectors[part], parameters)].map(([name, { data, dims }]) => ({
      name: keyOf(part, name),
      shape: dims,
      data: data as Float32Array,
    })),
  );
  await writeSafetensors(path, tensors, { format: FORMAT, step: String(state.step), run });
}

/**
 * Reads a checkpoint of these parameters. Throws a `UserError` that lists what does not fit, with both
 * shapes, where it is of another architecture.
 */
export async function readCheckpoint(
  path: string,
  parameters: readonly Parameter[],
): Promise<Checkpoint> {
  const { tensors, metadata } = await loadSafetensors(path);
  if (metadata.format !== FORMAT)
    throw new UserError(`${path}: not a checkpoint of this version of Nalu (${FORMAT})`);
  const expected = new Map(
    STATE.flatMap((part) => parameters.map(({ name, shape }) => [keyOf(part, name), shape])),
  );
  const missing = [...expected.keys()].filter((key) => !tensors.has(key));
  const faults = [...tensors].flatMap(([key, { shape }]) => {
    const wanted = expected.get(key);
    if (!wanted) return [`${key} ${formatShape(shape)} is none of this policy's`];
    if (sameShape(shape, wanted)) return [];
    return [`${key} is ${formatShape(shape)}, this policy's is ${formatShape(wanted)}`];
  });
  for (const key of missing) faults.push(`${key} ${formatShape(expected.get(key)!)} is missing`);
  if (faults.length > 0)
    throw new UserError(
      `${path} is of another architecture:\n${faults.map((fault) => `  ${fault}`).join('\n')}`,
    );
  const vector = (part: StateName) =>
    flatten(parameters, ({ name }) => tensors.get(keyOf(part, name))!.data as Float32Array);
  const state = initialState(vector('parameters'));
  for (const part of STATE) state.vectors[part] = vector(part);
  return { state: { ...state, step: Number(metadata.step) }, run: metadata.run };
}
