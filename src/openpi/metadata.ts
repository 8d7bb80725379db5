import { z } from 'zod';
import { integrationFaults, SOLVERS } from '../policy/integration.ts';
import { JOINS, SAMPLED_JOINS } from '../policy/joinKinds.ts';
import { validate } from '../validate.ts';
import { isNdArray, numbersOf } from './ndarray.ts';
import { type Decoded, type WireMap, isMap } from './wire.ts';

/** The key of Nalu's own fields in metadata, observations and replies. */
export const NALU = 'nalu';

const size = z.int().min(1);

/** What Nalu's server says of its policy, in the metadata. */
export const policyMetadata = z.object({
  name: z.string(),
  version: z.string(),
  embodiment: z.string(),
  /** Name of the layout of observations. */
  layout: z.string(),
  cameras: z.array(z.string()).nonempty(),
  /** [height, width] of the policy's input images, in the order of its cameras. */
  images: z.array(z.tuple([size, size])),
  /** Numbers of a state. */
  joints: size,
  /** Numbers of an action. */
  actions: size,
  horizon: size,
  executeSteps: size,
  /** How chunks take over where the client says nothing else. */
  join: z.enum(JOINS),
  /** [horizon, actionDim] of the noise that a request may give; absent in a policy without noise. */
  noise: z.tuple([size, size]).optional(),
  /** Numbers of the features that a request may ask for; absent in a policy that has none. */
  features: size.optional(),
  integration: z
    .object({
      steps: size,
      solver: z.enum(SOLVERS),
      times: z.array(z.number()).readonly().optional(),
    })
    .refine((integration) => integrationFaults(integration).length === 0)
    .optional(),
});

export type PolicyMetadata = z.infer<typeof policyMetadata>;

/** What Nalu's server adds to a reply. */
export const replyMetadata = z.object({
  version: z.string(),
  join: z.enum(SAMPLED_JOINS).optional(),
  /** [horizon] the weight of each row of the chunk in play. */
  joinWeights: z.instanceof(Float64Array).optional(),
});

/** A decoded value as plain objects, arrays of numpy as their numbers. */
function plain(value: Decoded, field: string): unknown {
  if (isMap(value))
    return Object.fromEntries([...value].map(([name, one]) => [name, plain(one, name)]));
  if (isNdArray(value)) return numbersOf(value, field);
  return Array.isArray(value) ? value.map((one) => plain(one, field)) : value;
}

/** Nalu's own fields of a message by a schema; undefined where there are none. Throws a `UserError`. */
export function naluFields<T>(message: WireMap, schema: z.ZodType<T>, source: string) {
  const fields = message.get(NALU);
  return fields === undefined ? undefined : validate(schema, plain(fields, NALU), source);
}
