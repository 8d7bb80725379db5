import { UserError } from '../errors.ts';
import type { Bundle } from '../policy/bundle/config.ts';
import { robotOf } from '../policy/bundle/robotOf.ts';
import { bytesOf, checkFinite, isNdArray, numbersOf, shapeText } from './ndarray.ts';
import { type Decoded, type WireMap, isMap } from './wire.ts';

/** What is read of an observation, beside its images. */
export interface Seen {
  /** [joints] in the units of the bundle's embodiment. */
  state: Float64Array;
  /** In the order of the bundle's cameras; undefined where an optional one was not sent. */
  images: (SentImage | undefined)[];
}

/** An image as it was sent; `pixels` gives RGB8 [height, width, 3]. */
export interface SentImage {
  width: number;
  height: number;
  pixels: () => Uint8Array;
}

/** How clients of one robot lay out their observations, for one bundle. */
export interface Layout {
  /** As openpi calls the robot; `nalu` for a bundle that fits none of openpi's clients. */
  name: string;
  /** Numbers of the state. */
  joints: number;
  /** Numbers of an action; the first of the policy's. */
  actions: number;
  /** Control steps a second of the client's robot. */
  rate: number;
  read(observation: WireMap): Seen;
}

/** Control steps a second where nothing tells it. */
const USUAL_RATE = 50;

type BundleShape = Pick<Bundle, 'embodiment' | 'cameras' | 'transforms' | 'shape'>;

/** Numbers of the vectors of a bundle's robot. */
function sizesOf(bundle: BundleShape): { state: number; actions: number } {
  const { joints, actions } = robotOf(bundle);
  return { state: joints.length, actions };
}

/** Names that a client sent, the first of very many, and of each the beginning. */
const shown = (names: Iterable<string>): string =>
  [...names]
    .slice(0, 20)
    .map((name) => name.slice(0, 60))
    .join(', ') || 'nothing';

/** The field of an observation. Throws a `UserError` that says what there is. */
function fieldOf(map: WireMap, name: string, within?: string): Decoded {
  const value = map.get(name);
  if (value !== undefined) return value;
  const [whole, field] = within === undefined ? ['the observation', name] : [within, `${within}.${name}`]; // prettier-ignore
  throw new UserError(`${field} is missing; ${whole} has ${shown(map.keys())}`, {
    kind: 'missing',
    fields: [field],
  });
}

/** A vector of finite numbers: an array of numpy, or a list. */
function vectorIn(map: WireMap, name: string, length: number): Float64Array {
  const value = fieldOf(map, name);
  const numbers = isNdArray(value)
    ? numbersOf(value, name)
    : Array.isArray(value) && value.every((one) => typeof one === 'number')
      ? Float64Array.from(value)
      : typeof value === 'number'
        ? Float64Array.of(value)
        : undefined;
  if (!numbers)
    throw new UserError(`${name} is no array of numbers`, { kind: 'invalid', fields: [name] });
  const shape = isNdArray(value) ? value.shape : [numbers.length];
  const isFlat = shape.length === 1 || (shape.length === 0 && length === 1);
  if (!isFlat || numbers.length !== length)
    throw new UserError(
      `${name} is ${shapeText(shape)}, but this policy's is [${length}]; is it a policy for this robot?`,
      { kind: 'mismatch', fields: [name] },
    );
  checkFinite(numbers, name);
  return numbers;
}

const CHANNELS = 3;

/** [3, height, width] → [height, width, 3]. */
function interleaved(planes: Uint8Array, pixels: number): Uint8Array {
  const image = new Uint8Array(planes.length);
  for (let pixel = 0, at = 0; pixel < pixels; pixel++) {
    image[at++] = planes[pixel];
    image[at++] = planes[pixels + pixel];
    image[at++] = planes[2 * pixels + pixel];
  }
  return image;
}

/** The order of an image's axes. */
export type Order = 'CHW' | 'HWC';

/**
 * An image in either order; channels come first where both would do, as in openpi. `asked` is the order that errors ask
 * for.
 */
function imageOf(value: Decoded, field: string, asked: Order): SentImage {
  if (!isNdArray(value))
    throw new UserError(`${field} is no array; send an image as uint8`, {
      kind: 'invalid',
      fields: [field],
    });
  const { shape } = value;
  const isPlanes = shape[0] === CHANNELS;
  const [height, width] = isPlanes ? shape.slice(1) : shape;
  if (shape.length !== 3 || !(isPlanes || shape[2] === CHANNELS) || height * width === 0)
    throw new UserError(
      `${field} is ${shapeText(shape)}; it must be ${asked === 'CHW' ? '[3, height, width]' : '[height, width, 3]'}`,
      { kind: 'invalid', fields: [field] },
    );
  const bytes = bytesOf(value, field);
  return { width, height, pixels: () => (isPlanes ? interleaved(bytes, height * width) : bytes) };
}

/** Refuses images that no camera of the robot takes. */
function checkCameras(images: WireMap, known: readonly string[]): void {
  const unknown = [...images.keys()].find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new UserError(`images: camera ${shown([unknown])} is none of ${known.join(', ')}`, {
      kind: 'mismatch',
      fields: ['images'],
    });
}

/** `state`, and `images` by camera; those of `optional` may be missing. */
const named =
  (
    { cameras }: BundleShape,
    joints: number,
    known: readonly string[],
    optional: readonly string[] = [],
  ) =>
  (observation: WireMap): Seen => {
    const images = fieldOf(observation, 'images');
    if (!isMap(images))
      throw new UserError('images is no dict of images by camera', {
        kind: 'invalid',
        fields: ['images'],
      });
    checkCameras(images, known);
    return {
      state: vectorIn(observation, 'state', joints),
      images: cameras.map((camera) =>
        optional.includes(camera) && !images.has(camera)
          ? undefined
          : imageOf(fieldOf(images, camera, 'images'), `images.${camera}`, 'CHW'),
      ),
    };
  };

/** States and images as fields of their own, below `observation/`. */
const flat =
  ({ cameras }: BundleShape, states: readonly [name: string, length: number][]) =>
  (observation: WireMap): Seen => {
    const parts = states.map(([name, length]) => [...vectorIn(observation, name, length)]);
    return {
      state: Float64Array.from(parts.flat()),
      images: cameras.map((camera) => {
        const field = `observation/${camera}`;
        return imageOf(fieldOf(observation, field), field, 'HWC');
      }),
    };
  };

/** A robot that openpi has clients for. */
interface Client {
  /** Name of the embodiment whose bundles they fit. */
  embodiment: string;
  joints: number;
  actions: number;
  /** Cameras that they send, or may. */
  cameras: readonly string[];
  /** Control steps a second. */
  rate: number;
  read(bundle: BundleShape): Layout['read'];
}

/** Cameras that openpi's ALOHA clients may send. */
export const ALOHA_CLIENT_CAMERAS = ['cam_high', 'cam_low', 'cam_left_wrist', 'cam_right_wrist'];

/** Those that openpi masks where they are not sent, as by its client for the simulated ALOHA. */
const ALOHA_MASKED = ['cam_left_wrist', 'cam_right_wrist'];

/**
 * openpi's clients. A bundle's vectors are those on the wire: ALOHA's are radians and openings on both sides (what
 * openpi's adapt_to_pi converts is a step of the bundle's transforms).
 */
const CLIENTS: readonly Client[] = [
  {
    embodiment: 'aloha',
    joints: 14,
    actions: 14,
    cameras: ALOHA_CLIENT_CAMERAS,
    rate: 50,
    read: (bundle) => named(bundle, 14, ALOHA_CLIENT_CAMERAS, ALOHA_MASKED),
  },
  {
    embodiment: 'droid',
    joints: 8,
    actions: 8,
    cameras: ['exterior_image_1_left', 'wrist_image_left'],
    rate: 15,
    read: (bundle) =>
      flat(bundle, [
        ['observation/joint_position', 7],
        ['observation/gripper_position', 1],
      ]),
  },
  {
    embodiment: 'libero',
    joints: 8,
    actions: 7,
    cameras: ['image', 'wrist_image'],
    rate: 20,
    read: (bundle) => flat(bundle, [['observation/state', 8]]),
  },
];

/** Why none of openpi's clients can drive a bundle; undefined where one can. */
function misfitOf(bundle: BundleShape, client: Client | undefined): string | undefined {
  const { embodiment, cameras } = bundle;
  if (!client)
    return `openpi has clients for ${CLIENTS.map((one) => one.embodiment).join(', ')}, this policy is for ${embodiment}`;
  const { state, actions } = sizesOf(bundle);
  if (state !== client.joints)
    return `openpi's clients for ${embodiment} send ${client.joints} numbers of state, this policy reads ${state}`;
  if (actions < client.actions)
    return `openpi's clients for ${embodiment} take actions of ${client.actions} numbers, this policy's have ${actions}`;
  const other = cameras.find((camera) => !client.cameras.includes(camera));
  if (other !== undefined)
    return `openpi's clients for ${embodiment} send ${client.cameras.join(', ')}, this policy looks through ${other}`;
  return undefined;
}

/**
 * The layout of a bundle's observations: that of openpi's clients for its robot, or where none fits, `misfit` says
 * why, that of ALOHA with the bundle's own joints and cameras.
 */
export function layoutOf(bundle: BundleShape): { layout: Layout; misfit?: string } {
  const client = CLIENTS.find(({ embodiment }) => embodiment === bundle.embodiment);
  const misfit = misfitOf(bundle, client);
  if (client && misfit === undefined) {
    const { embodiment: name, joints, actions, rate } = client;
    return { layout: { name, joints, actions, rate, read: client.read(bundle) } };
  }
  const { state: joints, actions } = sizesOf(bundle);
  const read = named(bundle, joints, bundle.cameras);
  return { layout: { name: 'nalu', joints, actions, rate: USUAL_RATE, read }, misfit };
}
