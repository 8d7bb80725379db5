import type { CalibratedCamera, Calibration } from '../robot/calibration.ts';
import { isColourTopic } from '../robot/calibrationSchema.ts';
import { statesTopic } from '../robot/driverTopics.ts';
import { type Choosing, type Dialogue, choose } from '../terminal/dialogue.ts';
import { imageTopic } from '../topics/imageTopic.ts';

/** The type of each topic that somebody publishes. */
export type Published = ReadonlyMap<string, string>;

const JOINT_STATE = 'sensor_msgs/msg/JointState';
const COMPRESSED = '/compressed';

type Source = Pick<CalibratedCamera, 'topic' | 'transport'>;

/** Where a camera's images come from, if a topic of this type carries such. */
function sourceOf(name: string, type: string): Source | undefined {
  if (type === 'sensor_msgs/msg/Image') return { topic: name, transport: 'raw' };
  if (type !== 'sensor_msgs/msg/CompressedImage' || !name.endsWith(COMPRESSED)) return undefined;
  return { topic: name.slice(0, -COMPRESSED.length), transport: 'compressed' };
}

/** The published topics of colour images, raw before compressed where there are both. */
function imageSources(published: Published): Source[] {
  const sources = new Map<string, Source>();
  for (const [name, type] of published) {
    const source = sourceOf(name, type);
    if (!source || !isColourTopic(source.topic)) continue;
    if (sources.get(source.topic)?.transport !== 'raw') sources.set(source.topic, source);
  }
  return [...sources.values()];
}

/** Cameras for the published images that no camera of the calibration has, by the names of their topics. */
export function unknownCameras({ cameras }: Calibration, published: Published): CalibratedCamera[] {
  const pattern = cameras.at(0);
  if (!pattern) return [];
  return imageSources(published)
    .filter(({ topic }) => !cameras.some((camera) => camera.topic === topic))
    .map((source) => ({ ...pattern, ...source, name: source.topic, rotate: 0, crop: undefined }));
}

/** What of a calibration nobody publishes. */
export const isMissing = (calibration: Calibration, published: Published): boolean =>
  [...calibration.cameras.map((camera) => imageTopic(camera).topic), ...calibration.arms.map(statesTopic)] // prettier-ignore
    .some((topic) => !published.has(topic));

/** Asks which of these topics a part of the robot has in place of the one that nobody publishes. */
function askTopic(dialogue: Dialogue, part: string, topic: string, left: readonly string[]) {
  const choices: Choosing<string | undefined>['choices'] = [
    ...left.map((name, i) => ({ key: String(i + 1), says: name, value: name })),
    { key: 's', says: 'none of these', value: undefined },
  ];
  return choose(dialogue, { text: `Nobody publishes ${topic}. Which topic has ${part}?`, choices });
}

async function findCamera(
  camera: CalibratedCamera,
  left: readonly Source[],
  dialogue: Dialogue,
): Promise<Source | undefined> {
  const { name, topic } = camera;
  const same = left.find((source) => source.topic === topic);
  if (same) {
    dialogue.print(`${name}: the images on ${topic} are ${same.transport}.`);
    return same;
  }
  if (left.length === 0) return undefined;
  const topics = left.map((source) => source.topic);
  const found = await askTopic(dialogue, `the images of ${name}`, topic, topics);
  return left.find((source) => source.topic === found);
}

/**
 * The calibration with topics that are published in place of those that nobody publishes, as a person says. What they
 * do not know stays as it is.
 */
export async function findTopics(
  calibration: Calibration,
  published: Published,
  dialogue: Dialogue,
): Promise<Calibration> {
  const isThere = (topic: string) => published.has(topic);
  const states = [...published].flatMap(([name, type]) => (type === JOINT_STATE ? [name] : []));
  const arms: Calibration['arms'] = [];
  for (const arm of calibration.arms) {
    const topic = statesTopic(arm);
    const known = isThere(topic) || states.length === 0;
    const part = `the joint states of the arm ${arm.name}`;
    const found = known ? undefined : await askTopic(dialogue, part, topic, states);
    arms.push(found === undefined ? arm : { ...arm, states: found });
  }
  let left = imageSources(published).filter(
    ({ topic, transport }) =>
      !calibration.cameras.some((one) => one.topic === topic && one.transport === transport),
  );
  const cameras: CalibratedCamera[] = [];
  for (const camera of calibration.cameras) {
    const known = isThere(imageTopic(camera).topic);
    const found = known ? undefined : await findCamera(camera, left, dialogue);
    cameras.push(found ? { ...camera, ...found } : camera);
    left = left.filter(({ topic }) => topic !== found?.topic);
  }
  return { ...calibration, arms, cameras };
}
