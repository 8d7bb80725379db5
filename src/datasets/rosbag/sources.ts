import { invalid } from '../../errors.ts';
import { nanosecondsOf } from '../../episodes/rosTime.ts';
import type { CalibratedCamera } from '../../robot/calibration.ts';
import type { Bag, StoredImage } from '../../topics/bags/bag.ts';
import { imageStamp } from '../../topics/images.ts';
import { imageTopic } from '../../topics/imageTopic.ts';
import type { JointStateMessage } from '../../topics/messages.ts';

/** A topic whose messages must keep coming. */
export interface Source {
  topic: string;
  kind: 'joints' | 'camera';
  /** When they were recorded, ns, ascending. */
  stamps: bigint[];
  /** How long before that they were stamped, ns; undefined where they have no stamps. */
  lag: bigint | undefined;
}

/** A camera, and its images in a bag. */
export interface View {
  camera: CalibratedCamera;
  topic: string;
  images: StoredImage[];
}

const other = { raw: 'compressed', compressed: 'raw' } as const;

/** A camera as its images may have been recorded: by the transport of the calibration, or by the other one. */
export const transportsOf = (camera: CalibratedCamera): CalibratedCamera[] => [
  camera,
  { ...camera, transport: other[camera.transport] },
];

const least = (a: bigint, b: bigint) => (a < b ? a : b);

/** Recorded less stamped time of a topic's first or last message, whichever is less; a first one may have waited. */
function lagOf(ends: readonly { stamp: bigint; stamped: bigint }[]): bigint | undefined {
  const lags = ends.flatMap(({ stamp, stamped }) => (stamped === 0n ? [] : [stamp - stamped]));
  return lags.length > 0 ? lags.reduce(least) : undefined;
}

const endsOf = <T>(items: readonly T[]): T[] => [items[0], items.at(-1)!];

/** What a bag has instead of what is missing, in words. */
export const has = ({ topics }: Bag) => `it has ${[...topics].join(', ') || 'no topics'}`;

/** The topics of joint states as sources. Throws a `UserError` for one without messages. */
export function jointSources(
  bag: Bag,
  topics: Iterable<string>,
  path: string,
  whose: string,
): Source[] {
  return [...topics].map((topic) => {
    const messages = bag.decoded.filter((one) => one.topic === topic);
    if (messages.length === 0)
      throw invalid(path, `no messages on ${topic}, the joint states ${whose}; ${has(bag)}`); // prettier-ignore
    const stamped = endsOf(messages).map(({ stamp, message }) => ({
      stamp,
      stamped: nanosecondsOf((message as JointStateMessage).header.stamp),
    }));
    const stamps = messages.map(({ stamp }) => stamp);
    return { topic, kind: 'joints', stamps, lag: lagOf(stamped) };
  });
}

/** A camera's images. Throws a `UserError` where there are none. */
export function viewOf(bag: Bag, calibrated: CalibratedCamera, path: string): View {
  const found = transportsOf(calibrated)
    .map((camera) => ({ camera, topic: imageTopic(camera).topic }))
    .find(({ topic }) => bag.images.get(topic)!.length > 0);
  if (!found)
    throw invalid(path, `no images of ${calibrated.name} on ${calibrated.topic}; ${has(bag)}. Correct its topic in the calibration, or leave the camera out there`); // prettier-ignore
  return { ...found, images: bag.images.get(found.topic)! };
}

/** A camera's topic as a source. */
export async function cameraSource({ topic, images }: View): Promise<Source> {
  const stamped = await Promise.all(
    endsOf(images).map(async ({ stamp, read }) => ({ stamp, stamped: imageStamp(await read()) })),
  );
  return { topic, kind: 'camera', stamps: images.map(({ stamp }) => stamp), lag: lagOf(stamped) };
}
