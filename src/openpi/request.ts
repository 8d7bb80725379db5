import { UserError, invalid } from '../errors.ts';
import type { Outcome } from '../episodes/episode.ts';
import type { Join, NoiseSource, Observation } from '../policy/chunkPolicy.ts';
import type { CameraFrame } from '../robot/robot.ts';
import type { Layout, SentImage } from './layouts.ts';
import { NALU, type PolicyMetadata } from './metadata.ts';
import { type NdArray, checkFinite, isNdArray, numbersOf, shapeText } from './ndarray.ts';
import { type Decoded, type WireMap, isMap } from './wire.ts';

/** A request as a policy takes it. */
export interface Request {
  observation: Observation;
  noise: NoiseSource;
  join?: Join;
  /** Rows of the client's last chunk that were played; undefined where it does not say it. */
  executed?: number;
  /** Whether the reply is to hold the features of the prefix. */
  features: boolean;
}

/** How a client says that its attempt ended. */
export interface Ending {
  outcome: Outcome;
  /** Rows of its last chunk that were played; undefined where it does not say it. */
  executed?: number;
}

/** What requests are read by. */
export interface RequestReader {
  layout: Layout;
  metadata: PolicyMetadata;
  /** The prompt of observations without one. */
  prompt?: string;
}

/** A whole array of finite numbers. */
function finiteArray(
  value: Decoded | undefined,
  field: string,
): NdArray & { numbers: Float32Array } {
  if (!isNdArray(value))
    throw new UserError(`${field} is no array`, { kind: 'invalid', subject: field });
  const numbers = Float32Array.from(numbersOf(value, field));
  checkFinite(numbers, field);
  return { ...value, numbers };
}

function promptOf(request: WireMap, fallback: string | undefined): string {
  const prompt = request.get('prompt') ?? fallback;
  if (typeof prompt === 'string') return prompt;
  if (prompt instanceof Uint8Array) return Buffer.from(prompt).toString('utf8');
  throw new UserError(
    prompt === undefined
      ? 'prompt is missing in the observation; send one, or start the server with --prompt'
      : 'prompt is no text',
    { kind: prompt === undefined ? 'missing' : 'invalid', fields: ['prompt'] },
  );
}

/** The noise that a request gives, or else that of a seed. */
function noiseOf(request: WireMap, seed: number, { noise }: PolicyMetadata): NoiseSource {
  if (!request.has('noise')) return { seed };
  if (!noise)
    throw new UserError('noise: this policy has none; leave it away', {
      kind: 'unsupported',
      fields: ['noise'],
    });
  const { numbers, shape } = finiteArray(request.get('noise'), 'noise');
  if (shapeText(shape) !== shapeText(noise))
    throw new UserError(`noise is ${shapeText(shape)}; this policy's is ${shapeText(noise)}`, {
      kind: 'invalid',
      fields: ['noise'],
    });
  return { seed, given: numbers };
}

/** A field of Nalu's own in a request. */
function ownField(request: WireMap, name: string): Decoded | undefined {
  const own = request.get(NALU);
  return isMap(own) ? own.get(name) : undefined;
}

/** A count of rows that a request gives. */
function rowsIn(value: Decoded | undefined, field: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new UserError(`${field} is no whole number of rows`, { kind: 'invalid', fields: [field] });
}

function executedIn(request: WireMap): { executed?: number } {
  const executed = ownField(request, 'executed');
  return executed === undefined ? {} : { executed: rowsIn(executed, `${NALU}.executed`) };
}

const OUTCOMES: readonly Outcome[] = ['success', 'failure', 'discarded'];

/** The end of an attempt that a request tells, instead of an observation; undefined where it tells none. */
export function readEnding(request: WireMap): Ending | undefined {
  const end = ownField(request, 'end');
  if (end === undefined) return undefined;
  const outcome = OUTCOMES.find((one) => one === end);
  if (!outcome)
    throw new UserError(`${NALU}.end is none of ${OUTCOMES.join(', ')}`, {
      kind: 'invalid',
      fields: [`${NALU}.end`],
    });
  return { outcome, ...executedIn(request) };
}

/** Whether a request asks for features. */
function featuresIn(request: WireMap, { features }: PolicyMetadata): boolean {
  const asked = ownField(request, 'features') ?? false;
  if (typeof asked !== 'boolean')
    throw new UserError(`${NALU}.features is neither true nor false`, {
      kind: 'invalid',
      fields: [`${NALU}.features`],
    });
  if (asked && features === undefined)
    throw new UserError(`${NALU}.features: this policy has none; leave it away`, {
      kind: 'unsupported',
      fields: [`${NALU}.features`],
    });
  return asked;
}

/** The chunk in play that a request gives, for the next one to continue. */
function joinOf(request: WireMap, { actions, join: kind }: PolicyMetadata): Join | undefined {
  const join = ownField(request, 'join');
  if (join === undefined) return undefined;
  const field = `${NALU}.join`;
  if (!isMap(join))
    throw new UserError(`${field} is no dict of rows and delay`, {
      kind: 'invalid',
      fields: [field],
    });
  const { numbers: rows, shape } = finiteArray(join.get('rows'), `${field}.rows`);
  if (shape.length !== 2 || shape[1] !== actions)
    throw new UserError(`${field}.rows is ${shapeText(shape)}; rows have ${actions} numbers`, {
      kind: 'invalid',
      fields: [`${field}.rows`],
    });
  const delay = rowsIn(join.get('delay'), `${field}.delay`);
  if (kind === 'swap') throw invalid(field, 'this server joins no chunks; leave it away');
  return { rows, delay };
}

/** An image as a camera's frame. */
function frameOf(camera: string, { width, height, pixels }: SentImage): CameraFrame {
  let given: Promise<Uint8Array> | undefined;
  const once = () => (given ??= Promise.resolve(pixels()));
  return { camera, stamp: 0n, width, height, pixels: once };
}

/** Reads a request; `seed` makes the noise of one that gives none. Throws a `UserError` that names a field. */
export function readRequest(request: WireMap, seed: number, reader: RequestReader): Request {
  const { layout, metadata, prompt } = reader;
  const { state, images } = layout.read(request);
  const absent = metadata.cameras.filter((_, i) => !images[i]);
  return {
    observation: {
      joints: { stamp: 0n, position: state },
      frames: images.flatMap((image, i) => (image ? [frameOf(metadata.cameras[i], image)] : [])),
      ...(absent.length > 0 && { absent }),
      prompt: promptOf(request, prompt),
    },
    noise: noiseOf(request, seed, metadata),
    join: joinOf(request, metadata),
    features: featuresIn(request, metadata),
    ...executedIn(request),
  };
}
