import { createHash } from 'node:crypto';
import { z } from 'zod';
import { UserError } from '../errors.ts';
import { formatShape, sameShape } from '../onnx/dim.ts';
import { loadSafetensors, writeSafetensors } from '../onnx/safetensors.ts';
import { validate } from '../validate.ts';
import type { Pi0Config } from './pi0/config.ts';
import { type Trainable, trainableParameters, trainableSchema } from './trainable.ts';

/** Values of what learns of a policy: what a learner sends, and what a bundle may hold beside its weights. */
export interface Adapter {
  trainable: Trainable;
  /** Version of the bundle that it belongs to. */
  base: string;
  /** Hash of the rest. */
  version: string;
  /** By name, in the order of `trainableParameters`. */
  parameters: Map<string, { shape: readonly number[]; data: Float32Array }>;
}

const FORMAT = 'nalu-adapter-1';

const metadataSchema = z.object({
  format: z.literal(FORMAT),
  base: z.string().min(1),
  trainable: z
    .string()
    .transform((text) => JSON.parse(text) as unknown)
    .pipe(trainableSchema),
});

/** How chunks of a policy with this adapter are signed. */
export const adaptedVersion = (base: string, { version }: Pick<Adapter, 'version'>): string =>
  `${base}+${version}`;

/** An adapter of these values. */
export function makeAdapter({
  trainable,
  base,
  parameters,
}: Pick<Adapter, 'trainable' | 'base' | 'parameters'>): Adapter {
  const hash = createHash('sha256').update(JSON.stringify({ trainable, base }));
  for (const [name, { data }] of parameters) hash.update(name).update(data);
  return { trainable, base, parameters, version: hash.digest('hex').slice(0, 12) };
}

/** What keeps an adapter from being used with a policy, a line each; none if nothing does. */
export function adapterFaults(
  { trainable, parameters, base }: Adapter,
  policy: { base: string; trainable?: Trainable; pi0: Pi0Config },
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
    return given.data.every(Number.isFinite) ? [] : [`${name} has values that are not finite`];
  });
  const surplus = [...parameters].filter(([name]) => !expected.has(name));
  return [
    ...faults,
    ...surplus.map(([name, { shape }]) => `${name} ${formatShape(shape)} is none of this policy's`),
  ];
}

/** Throws a `UserError` that lists all faults of an adapter for a policy; `what` names the adapter. */
export function checkAdapter(
  what: string,
  adapter: Adapter,
  policy: Parameters<typeof adapterFaults>[1],
): void {
  const faults = adapterFaults(adapter, policy);
  if (faults.length > 0)
    throw new UserError(
      `${what} does not fit the policy:\n${faults.map((fault) => `  ${fault}`).join('\n')}`,
    );
}

/** Writes an adapter as a safetensors file. */
export function writeAdapter(
  path: string,
  { trainable, base, parameters }: Adapter,
): Promise<void> {
  const tensors = [...parameters].map(([name, { shape, data }]) => ({ name, shape, data }));
  const metadata = { format: FORMAT, base, trainable: JSON.stringify(trainable) };
  return writeSafetensors(path, tensors, metadata);
}

/** Reads the adapter of a policy. Throws a `UserError` that lists what does not fit. */
export async function readAdapter(path: string, base: string, pi0: Pi0Config): Promise<Adapter> {
  const { tensors, metadata } = await loadSafetensors(path);
  const { trainable, base: of } = validate(metadataSchema, metadata, path);
  const parameters: Adapter['parameters'] = new Map(
    [...tensors].map(([name, { shape, data }]) => [name, { shape, data: data as Float32Array }]),
  );
  const adapter = makeAdapter({ trainable, base: of, parameters });
  checkAdapter(path, adapter, { base, pi0 });
  return adapter;
}
