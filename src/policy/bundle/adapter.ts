import { createHash } from 'node:crypto';
import { z } from 'zod';
import { messageOf } from '../../errors.ts';
import { readSafetensorsHeader, writeSafetensors } from '../../tensors/safetensors.ts';
import { validate } from '../../validate.ts';
import { type Trainable, trainableSchema } from '../trainable.ts';
import type { Spread } from '../exploration.ts';
import { type Offset, isNone } from '../offset.ts';
import { type View, isStraight } from '../../images/viewShift.ts';
import type { Bundle } from './config.ts';

/**
 * Values of a policy's trainable parameters: what a learner sends, and what a bundle may hold beside its
 * weights.
 */
export interface Adapter {
  trainable: Trainable;
  /** Version of the bundle that it belongs to. */
  base: string;
  /** Hash of the other fields. */
  version: string;
  /**
   * By name, in the order of `trainableParameters`; in shared memory, so that threads exchange them without
   * copying.
   */
  parameters: Map<string, { shape: readonly number[]; data: Float32Array }>;
  /** The view offset; absent if zero. */
  view?: View;
  /** What is added to each row of a chunk; absent if zero. */
  offset?: Offset;
  /** How far attempts explore from view and offset at most; absent where a learner does not say. */
  spread?: Spread;
}

const FORMAT = 'nalu-adapter-1';

const parsedJson = (text: string, context: z.RefinementCtx): unknown => {
  try {
    return JSON.parse(text);
  } catch (error) {
    context.addIssue(`is not JSON: ${messageOf(error)}`);
    return z.NEVER;
  }
};

const numbers = z.array(z.number()).transform((values) => Float32Array.from(values));
const floats = z.string().transform(parsedJson).pipe(numbers);

const metadataSchema = z.object({
  format: z.literal(FORMAT),
  base: z.string().min(1),
  version: z.string().min(1),
  trainable: z.string().transform(parsedJson).pipe(trainableSchema),
  view: floats.optional(),
  offset: floats.optional(),
  spread: z
    .string()
    .transform(parsedJson)
    .pipe(z.object({ offset: numbers, view: numbers }))
    .optional(),
});

/** The version recorded with chunks of a policy with this adapter. */
export const adaptedVersion = (base: string, { version }: Pick<Adapter, 'version'>): string =>
  `${base}+${version}`;

/** The adapter's part of a policy's version; the base's version if it has no adapter. */
export const adapterVersion = ({ base, version }: Pick<Bundle, 'base' | 'version'>): string =>
  version.startsWith(`${base}+`) ? version.slice(base.length + 1) : base;

function sharedCopy(values: Float32Array): Float32Array {
  const copy = new Float32Array(new SharedArrayBuffer(values.byteLength));
  copy.set(values);
  return copy;
}

const spreadText = ({ offset, view }: Spread) =>
  JSON.stringify({ offset: [...offset], view: [...view] });

/**
 * Makes an adapter from copies of these values. Takes about a second for 10^8 of them: not for the control
 * loop's thread.
 */
export function makeAdapter(content: Omit<Adapter, 'version'>): Adapter {
  const { base, spread } = content;
  const view = content.view && !isStraight(content.view) ? content.view.slice() : undefined;
  const offset = content.offset && !isNone(content.offset) ? content.offset.slice() : undefined;
  const trainable = trainableSchema.parse(content.trainable);
  const hash = createHash('sha256').update(JSON.stringify({ trainable, base }));
  const parameters: Adapter['parameters'] = new Map();
  for (const [name, { shape, data }] of content.parameters) {
    hash.update(JSON.stringify([name, shape])).update(data);
    parameters.set(name, { shape, data: sharedCopy(data) });
  }
  if (view) hash.update(JSON.stringify({ view: [...view] }));
  if (offset) hash.update(JSON.stringify({ offset: [...offset] }));
  if (spread) hash.update(spreadText(spread));
  const version = hash.digest('hex').slice(0, 12);
  return {
    ...{ trainable, base, parameters, version },
    ...(view && { view }),
    ...(offset && { offset }),
    ...(spread && { spread }),
  };
}

/** Writes an adapter as a safetensors file. */
export function writeAdapter(
  path: string,
  { trainable, base, version, parameters, view, offset, spread }: Adapter,
): Promise<void> {
  const tensors = [...parameters].map(([name, { shape, data }]) => ({ name, shape, data }));
  return writeSafetensors(path, tensors, {
    format: FORMAT,
    trainable: JSON.stringify(trainable),
    version,
    base,
    ...(view && { view: JSON.stringify([...view]) }),
    ...(offset && { offset: JSON.stringify([...offset]) }),
    ...(spread && { spread: spreadText(spread) }),
  });
}

/** An adapter's metadata. Throws a `UserError` for what is wrong with it. */
export function readHead(metadata: unknown, path: string): Omit<Adapter, 'parameters'> {
  const { trainable, base, version, ...displacement } = validate(metadataSchema, metadata, path);
  const { view, offset, spread } = displacement;
  return {
    ...{ trainable, base, version },
    ...(view && { view }),
    ...(offset && { offset }),
    ...(spread && { spread }),
  };
}

/** Reads an adapter file's metadata without its values. Throws a `UserError`. */
export async function readAdapterHead(path: string): Promise<Omit<Adapter, 'parameters'>> {
  const { metadata } = await readSafetensorsHeader(path);
  return readHead(metadata, path);
}
