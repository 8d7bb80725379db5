import { UserError } from '../errors.ts';
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
  if (!isNdArray(value)) throw new UserError(`${field} is no array`);
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
  );
}

/** The noise that a request gives, or else that of a seed. */
function noiseOf(request: WireMap, seed: number, { noise }: PolicyMetadata): NoiseSource {
  if (!request.has('noise')) return { seed };
  if (!noise) throw new UserError('noise: this policy has none; leave it away');
  const { numbers, shape } = finiteArray(request.get('noise'), 'noise');
  if (shapeText(shape) !== shapeText(noise))
    throw new UserError(`noise is ${shapeText(shape)}; this policy's is ${shapeText(noise)}`);
  return { seed, given: numbers };
}

/** The chunk in play that a request gives, for the next one to continue. */
function joinOf(request: WireMap, { actions, join: kind }: PolicyMetadata): Join | undefined {
  const own = request.get(NALU);
  const join = isMap(own) ? own.get('join') : undefined;
  if (join === undefined) return undefined;
  const field = `${NALU}.join`;
  if (!isMap(join)) throw new UserError(`${field} is no dict of rows and delay`);
  const { numbers: rows, shape } = finiteArray(join.get('rows'), `${field}.rows`);
  if (shape.length !== 2 || shape[1] !== actions)
    throw new UserError(`${field}.rows is ${shapeText(shape)}; rows have ${actions} numbers`);
  const delay = join.get('delay');
  if (typeof delay !== 'number' || !Number.isSafeInteger(delay) || delay < 0)
    throw new UserError(`${field}.delay is no whole number of rows`);
  if (kind === 'swap') throw new UserError(`${field}: this server joins no chunks; leave it away`);
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
  };
}
