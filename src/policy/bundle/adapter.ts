import { createHash } from 'node:crypto';
import { z } from 'zod';
import { messageOf } from '../../errors.ts';
import { jsonText } from '../../tensors/jsonText.ts';
import { readSafetensorsHeader, writeSafetensors } from '../../tensors/safetensors.ts';
import { parseJson, validate } from '../../validate.ts';
import { type Trainable, trainableSchema } from '../trainable.ts';
import type { Spread } from '../exploration.ts';
import { type Offset, isNone } from '../offset.ts';
import { type Tickets, ticketsOf } from '../ticket.ts';
import { numbersOf } from '../choice/carried.ts';
import { type Choice, choiceHeadSchema, choiceOf, headOf } from '../choice/choice.ts';
import {
  type Steering,
  steeringHeadOf,
  steeringHeadSchema,
  steeringOf,
} from '../steering/steering.ts';
import { type View, isStraight } from '../../images/view.ts';
import type { Bundle } from './config.ts';

/** Where a policy looks and acts beside what its network says, and how far attempts explore from there. */
export interface Place {
  /** The view offset; absent if zero. */
  view?: View;
  /** What is added to each row of a chunk; absent if zero. */
  offset?: Offset;
  /** How far attempts explore from view and offset at most; absent where a learner does not say. */
  spread?: Spread;
}

/**
 * Values of a policy's trainable parameters: what a learner sends, and what a bundle may hold beside its
 * weights.
 */
export interface Adapter extends Place, Tickets {
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
  /** The places of robots that have their own, by name: what differs from cell to cell. */
  own?: ReadonlyMap<string, Place>;
  /** What chooses its chunks from candidates; absent where each sample is played. */
  choice?: Choice;
  /** What its chunks begin from; absent where they begin as they are asked to. */
  steering?: Steering;
}

/** An adapter without its numbers. */
export interface AdapterHead extends Omit<Adapter, 'parameters' | 'choice' | 'steering'> {
  choice?: z.infer<typeof choiceHeadSchema>;
  steering?: z.infer<typeof steeringHeadSchema>;
}

/** What the names of the tensors of networks beside the policy's own begin with, in an adapter's file. */
export const CARRIED = { choice: 'choice/', steering: 'steering/' } as const;

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

const spreadSchema = z.object({ offset: numbers, view: numbers });
const ticketSchema = z.int().min(0);
const placeSchema = z.object({
  view: numbers.optional(),
  offset: numbers.optional(),
  spread: spreadSchema.optional(),
});

const metadataSchema = z.object({
  format: z.literal(FORMAT),
  base: z.string().min(1),
  version: z.string().min(1),
  trainable: z.string().transform(parsedJson).pipe(trainableSchema),
  view: floats.optional(),
  offset: floats.optional(),
  spread: z.string().transform(parsedJson).pipe(spreadSchema).optional(),
  own: z.string().transform(parsedJson).pipe(z.record(z.string(), placeSchema)).optional(),
  ticket: z.string().transform(parsedJson).pipe(ticketSchema).optional(),
  tickets: z.string().transform(parsedJson).pipe(z.array(ticketSchema).min(1)).optional(),
  choice: z.string().transform(parsedJson).pipe(choiceHeadSchema).optional(),
  steering: z.string().transform(parsedJson).pipe(steeringHeadSchema).optional(),
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

/** A copy of a place without what is zero. */
const placeOf = ({ view, offset, spread }: Place): Place => ({
  ...(view && !isStraight(view) && { view: view.slice() }),
  ...(offset && !isNone(offset) && { offset: offset.slice() }),
  ...(spread && { spread: { offset: spread.offset, view: spread.view } }),
});

/** Robots' own places as text, in the order of their names. */
export const ownText = (own: ReadonlyMap<string, Place>): string =>
  jsonText(Object.fromEntries([...own].sort(([a], [b]) => (a < b ? -1 : 1))));

/** Reads what `ownText` wrote. Throws a `UserError` that names `source`. */
export const readOwn = (text: string, source: string): Map<string, Place> =>
  new Map(Object.entries(validate(z.record(z.string(), placeSchema), parseJson(text, source), source))); // prettier-ignore

/** The parts of a place, or tickets, as metadata. */
const textsOf = (parts: Place | Tickets): Record<string, string> =>
  Object.fromEntries(Object.entries(parts).map(([name, value]) => [name, jsonText(value)]));

/**
 * Makes an adapter from copies of these values. Takes about a second for 10^8 of them: not for the control
 * loop's thread.
 */
export function makeAdapter(content: Omit<Adapter, 'version'>): Adapter {
  const { base } = content;
  const place = placeOf(content);
  const { view, offset, spread } = place;
  const tickets = ticketsOf(content);
  const own = content.own && new Map([...content.own].map(([robot, place]) => [robot, placeOf(place)])); // prettier-ignore
  const hasOwn = own !== undefined && own.size > 0;
  const trainable = trainableSchema.parse(content.trainable);
  const hash = createHash('sha256').update(JSON.stringify({ trainable, base }));
  const copied = (numbers: Adapter['parameters']): Adapter['parameters'] => {
    const copies: Adapter['parameters'] = new Map();
    for (const [name, { shape, data }] of numbers) {
      hash.update(JSON.stringify([name, shape])).update(data);
      copies.set(name, { shape, data: sharedCopy(data) });
    }
    return copies;
  };
  const parameters = copied(content.parameters);
  if (view) hash.update(jsonText({ view }));
  if (offset) hash.update(jsonText({ offset }));
  if (spread) hash.update(jsonText(spread));
  if (hasOwn) hash.update(ownText(own));
  if (Object.keys(tickets).length > 0) hash.update(jsonText(tickets));
  if (content.choice) hash.update(jsonText({ choice: headOf(content.choice) }));
  const choice = content.choice && choiceOf(content.choice, copied(numbersOf(content.choice)));
  if (content.steering) hash.update(jsonText({ steering: steeringHeadOf(content.steering) }));
  const steering = content.steering && steeringOf(content.steering, copied(numbersOf(content.steering))); // prettier-ignore
  const version = hash.digest('hex').slice(0, 12);
  return {
    ...{ trainable, base, parameters, version },
    ...place,
    ...tickets,
    ...(hasOwn && { own }),
    ...(choice && { choice }),
    ...(steering && { steering }),
  };
}

/** An adapter as one robot plays it: at the place that is its own, if it has one. It stays the same version. */
export function adapterFor({ own, ...adapter }: Adapter, robot: string | undefined): Adapter {
  const place = robot === undefined ? undefined : own?.get(robot);
  if (!place) return adapter;
  const { trainable, base, version, parameters, choice, steering } = adapter;
  return {
    ...{ trainable, base, version, parameters },
    ...(choice && { choice }),
    ...(steering && { steering }),
    ...place,
    ...ticketsOf(adapter),
  };
}

/** Writes an adapter as a safetensors file. */
export function writeAdapter(
  path: string,
  { trainable, base, version, parameters, own, choice, steering, ...rest }: Adapter,
): Promise<void> {
  const carried = Object.entries({ choice, steering }).flatMap(([kind, networks]) =>
    networks
      ? [...numbersOf(networks)].map(([name, numbers]) => [CARRIED[kind as keyof typeof CARRIED] + name, numbers] as const) // prettier-ignore
      : [],
  );
  const tensors = [...parameters, ...carried].map(([name, { shape, data }]) => ({ name, shape, data })); // prettier-ignore
  return writeSafetensors(path, tensors, {
    format: FORMAT,
    trainable: JSON.stringify(trainable),
    version,
    base,
    ...textsOf(placeOf(rest)),
    ...textsOf(ticketsOf(rest)),
    ...(own && { own: ownText(own) }),
    ...(choice && { choice: jsonText(headOf(choice)) }),
    ...(steering && { steering: jsonText(steeringHeadOf(steering)) }),
  });
}

/** An adapter's metadata. Throws a `UserError` for what is wrong with it. */
export function readHead(metadata: unknown, path: string): AdapterHead {
  const { trainable, base, version, own, choice, steering, ...rest } = validate(
    metadataSchema,
    metadata,
    path,
  );
  return {
    ...{ trainable, base, version },
    ...placeOf(rest),
    ...ticketsOf(rest),
    ...(own && { own: new Map(Object.entries(own)) }),
    ...(choice && { choice }),
    ...(steering && { steering }),
  };
}

/** Reads an adapter file's metadata without its values. Throws a `UserError`. */
export async function readAdapterHead(path: string): Promise<AdapterHead> {
  const { metadata } = await readSafetensorsHeader(path);
  return readHead(metadata, path);
}
