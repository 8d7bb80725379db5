import { UserError } from '../../errors.ts';
import { formatShape, sameShape } from '../../onnx/dim.ts';
import { type TensorSource, loadSafetensors, writeSafetensors } from '../../tensors/safetensors.ts';
import type { Parameter } from '../../policy/trainable.ts';
import { demandFormat } from '../stateFormat.ts';
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

/** The tensors of a training state, named STATE/NAME behind `prefix`. */
export function stateTensors(
  { vectors }: TrainingState,
  parameters: readonly Parameter[],
  prefix = '',
): TensorSource[] {
  return STATE.flatMap((part) =>
    [...tensorsIn(vectors[part], parameters)].map(([name, { data, dims }]) => ({
      name: prefix + keyOf(part, name),
      shape: dims,
      data: data as Float32Array,
    })),
  );
}

/** Names and shapes of `stateTensors`. */
export const stateShapes = (
  parameters: readonly Parameter[],
  prefix = '',
): [string, readonly number[]][] =>
  STATE.flatMap((part) =>
    parameters.map(({ name, shape }): [string, readonly number[]] => [
      prefix + keyOf(part, name),
      shape,
    ]),
  );

/** The training state after `step` steps whose tensors `dataOf` finds. */
export function stateFrom(
  dataOf: (key: string) => Float32Array,
  parameters: readonly Parameter[],
  step: number,
  prefix = '',
): TrainingState {
  const vector = (part: StateName) =>
    flatten(parameters, ({ name }) => dataOf(prefix + keyOf(part, name)));
  const state = initialState(vector('parameters'));
  for (const part of STATE) state.vectors[part] = vector(part);
  return { ...state, step };
}

/** Writes a checkpoint; a crash or a full disk meanwhile leaves the one before as it was. */
export function writeCheckpoint(
  path: string,
  { state, run }: Checkpoint,
  parameters: readonly Parameter[],
): Promise<void> {
  const metadata = { format: FORMAT, step: String(state.step), run };
  return writeSafetensors(path, stateTensors(state, parameters), metadata);
}

/**
 * Reads a checkpoint's tensors and metadata. Throws a `UserError` that lists what does not fit, with both
 * shapes, where they are not those of `shapes`, and for a file of another format.
 */
export async function readTensors(
  path: string,
  format: string,
  shapes: readonly [string, readonly number[]][],
): Promise<{ dataOf: (key: string) => Float32Array; metadata: Record<string, string> }> {
  const { tensors, metadata } = await loadSafetensors(path);
  demandFormat(path, metadata.format, format);
  const expected = new Map(shapes);
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
      { kind: 'mismatch', subject: path, fields: faults.map((fault) => fault.split(' ')[0]) },
    );
  return { dataOf: (key) => tensors.get(key)!.data as Float32Array, metadata };
}

/** Reads a checkpoint of these parameters; see readTensors for what it throws. */
export async function readCheckpoint(
  path: string,
  parameters: readonly Parameter[],
): Promise<Checkpoint> {
  const { dataOf, metadata } = await readTensors(path, FORMAT, stateShapes(parameters));
  return { state: stateFrom(dataOf, parameters, Number(metadata.step)), run: metadata.run };
}
