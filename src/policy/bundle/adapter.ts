import { createHash } from 'node:crypto';
import { z } from 'zod';
import { UserError, messageOf } from '../../errors.ts';
import { formatShape, sameShape } from '../../onnx/dim.ts';
import {
  loadSafetensors,
  readSafetensorsHeader,
  writeSafetensors,
} from '../../tensors/safetensors.ts';
import { validate } from '../../validate.ts';
import { type Trainable, trainableSchema } from '../trainable.ts';
import { trainableParameters } from '../families/pi0/trainable.ts';
import { FARTHEST_VIEW, type View, isStraight } from '../../images/viewShift.ts';
import type { Bundle } from './config.ts';

/** Values of what learns of a policy: what a learner sends, and what a bundle may hold beside its weights. */
export interface Adapter {
  trainable: Trainable;
  /** Version of the bundle that it belongs to. */
  base: string;
  /** Hash of the rest. */
  version: string;
  /** By name, in the order of `trainableParameters`; in shared memory, which threads hand on without a copy. */
  parameters: Map<string, { shape: readonly number[]; data: Float32Array }>;
  /** Where the policy looks; absent if straight. */
  view?: View;
}

/** What an adapter is to fit: a bundle, and where known what was made learnable of it. */
export type AdapterFit = Pick<Bundle, 'base' | 'pi0' | 'cameras' | 'trainable'>;

const FORMAT = 'nalu-adapter-1';

const parsedJson = (text: string, context: z.RefinementCtx): unknown => {
  try {
    return JSON.parse(text);
  } catch (error) {
    context.addIssue(`is not JSON: ${messageOf(error)}`);
    return z.NEVER;
  }
};

const metadataSchema = z.object({
  format: z.literal(FORMAT),
  base: z.string().min(1),
  version: z.string().min(1),
  trainable: z.string().transform(parsedJson).pipe(trainableSchema),
  view: z
    .string()
    .transform(parsedJson)
    .pipe(z.array(z.number()))
    .transform((shares): View => Float32Array.from(shares))
    .optional(),
});

/** How chunks of a policy with this adapter are signed. */
export const adaptedVersion = (base: string, { version }: Pick<Adapter, 'version'>): string =>
  `${base}+${version}`;

/** The adapter's version in a policy's; the base's if it has none. */
export const adapterVersion = ({ base, version }: Pick<Bundle, 'base' | 'version'>): string =>
  version.startsWith(`${base}+`) ? version.slice(base.length + 1) : base;

function sharedCopy(values: Float32Array): Float32Array {
  const copy = new Float32Array(new SharedArrayBuffer(values.byteLength));
  copy.set(values);
  return copy;
}

/** An adapter of copies of these values. Takes about a second for 10^8 of them: not for a control loop's thread. */
export function makeAdapter(given: Omit<Adapter, 'version'>): Adapter {
  const { base } = given;
  const view = given.view && !isStraight(given.view) ? given.view.slice() : undefined;
  const trainable = trainableSchema.parse(given.trainable);
  const hash = createHash('sha256').update(JSON.stringify({ trainable, base }));
  const parameters: Adapter['parameters'] = new Map();
  for (const [name, { shape, data }] of given.parameters) {
    hash.update(JSON.stringify([name, shape])).update(data);
    parameters.set(name, { shape, data: sharedCopy(data) });
  }
  if (view) hash.update(JSON.stringify({ view: [...view] }));
  const version = hash.digest('hex').slice(0, 12);
  return { trainable, base, parameters, version, ...(view && { view }) };
}

/** A value that is not finite makes the sum NaN: ten times as fast as asking each. */
function allFinite(values: Float32Array): boolean {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] * 0;
  return sum === 0;
}

const alphaOf = (trainable: Trainable) =>
  trainable.parameters === 'lora' ? (trainable.alpha ?? trainable.rank) : undefined;

/** What keeps a policy of so many cameras from looking there. */
function viewFaults(view: View | undefined, cameras: number): string[] {
  if (!view) return [];
  if (view.length !== 2 * cameras)
    return [`its view has ${view.length} numbers, two for each of ${cameras} cameras are ${2 * cameras}`]; // prettier-ignore
  return view.every((share) => Math.abs(share) <= FARTHEST_VIEW)
    ? []
    : [`its view [${view.join(', ')}] goes beyond ±${FARTHEST_VIEW} of a picture`];
}

/** What keeps an adapter from being used with a policy, a line each; none if nothing does. */
function adapterFaults(
  { trainable, parameters, base, view }: Adapter,
  policy: AdapterFit,
): string[] {
  if (base !== policy.base) return [`it belongs to the policy ${base}, this one is ${policy.base}`];
  const wanted = policy.trainable ?? trainable;
  if (trainable.parameters !== wanted.parameters)
    return [`it adapts ${trainable.parameters}, this policy was opened for ${wanted.parameters}`];
  const expected = new Map(
    trainableParameters(wanted, policy.pi0).map(({ name, shape }) => [name, shape]),
  );
  const faults = [...expected].flatMap(([name, shape]) => {
    const given = parameters.get(name);
    if (!given) return [`${name} ${formatShape(shape)} is missing`];
    if (!sameShape(given.shape, shape))
      return [`${name} is ${formatShape(given.shape)}, this policy's is ${formatShape(shape)}`];
    return allFinite(given.data) ? [] : [`${name} has values that are not finite`];
  });
  const surplus = [...parameters].filter(([name]) => !expected.has(name));
  const [alpha, wantedAlpha] = [alphaOf(trainable), alphaOf(wanted)];
  return [
    ...faults,
    ...viewFaults(view, policy.cameras.length),
    ...surplus.map(([name, { shape }]) => `${name} ${formatShape(shape)} is none of this policy's`),
    ...(alpha === wantedAlpha
      ? []
      : [`its alpha is ${alpha}, this policy was opened for ${wantedAlpha}`]),
  ];
}

/** Throws a `UserError` that lists all faults of an adapter for a policy; `what` names the adapter. */
export function checkAdapter(what: string, adapter: Adapter, policy: AdapterFit): void {
  const faults = adapterFaults(adapter, policy);
  if (faults.length > 0)
    throw new UserError(
      `${what} does not fit the policy:\n${faults.map((fault) => `  ${fault}`).join('\n')}`,
    );
}

/** Writes an adapter as a safetensors file. */
export function writeAdapter(
  path: string,
  { trainable, base, version, parameters, view }: Adapter,
): Promise<void> {
  const tensors = [...parameters].map(([name, { shape, data }]) => ({ name, shape, data }));
  return writeSafetensors(path, tensors, {
    format: FORMAT,
    trainable: JSON.stringify(trainable),
    version,
    base,
    ...(view && { view: JSON.stringify([...view]) }),
  });
}

/** What a file says of the adapter in it; its values are not looked at. Throws a `UserError`. */
export async function readAdapterHead(path: string): Promise<Omit<Adapter, 'parameters'>> {
  const { metadata } = await readSafetensorsHeader(path);
  const { trainable, base, version, view } = validate(metadataSchema, metadata, path);
  return { trainable, base, version, ...(view && { view }) };
}

/** Reads the adapter of a policy. Throws a `UserError` that lists what does not fit. */
export async function readAdapter(path: string, policy: AdapterFit): Promise<Adapter> {
  const { tensors, metadata } = await loadSafetensors(path);
  const { trainable, base, version, view } = validate(metadataSchema, metadata, path);
  const parameters: Adapter['parameters'] = new Map();
  for (const [name, { dtype, shape, data }] of tensors) {
    if (!(data instanceof Float32Array))
      throw new UserError(`${path}: ${name} holds ${dtype}; an adapter holds F32`);
    parameters.set(name, { shape, data });
  }
  const adapter = makeAdapter({ trainable, base, parameters, view });
  checkAdapter(path, adapter, policy);
  if (adapter.version !== version)
    throw new UserError(
      `${path}: says that it is version ${version}, but its content is that of ${adapter.version}; write it again from where it came`,
    );
  return adapter;
}
