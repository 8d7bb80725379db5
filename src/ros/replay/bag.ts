import { controlPeriod } from '../../robot/embodiment.ts';
import { UserError, listed } from '../../errors.ts';
import type { Calibration } from '../../robot/calibration.ts';
import type { CameraFrame, JointState } from '../../robot/robot.ts';
import { newestAt, openBag } from '../../topics/bags/bag.ts';
import { commandsIn, commandsTopics, statesIn, statesTopics } from '../../topics/bags/motion.ts';
import { imageTopic } from '../../topics/imageTopic.ts';
import { frameOf } from '../../topics/images.ts';
import type { Recording } from '../policy/recording.ts';

/** The newest value at each control step, from the first stamp at which there is one to the last. */
function everyStep(states: readonly JointState[], first: bigint, steps: number, period: bigint) {
  let next = 0;
  return Array.from({ length: steps }, (_, step): JointState => {
    const stamp = first + BigInt(step) * period;
    while (next + 1 < states.length && states[next + 1].stamp <= stamp) next++;
    return { stamp, position: states[next].position };
  });
}

/**
 * The recording in a bag (a file, or the folder that ros2 bag makes) of a calibrated robot's topics: joint states,
 * commands of any kind, images. Images are read when they are wanted, until this process ends. Throws a `UserError`
 * for a bag without joint states.
 */
export async function bagRecording(path: string, calibration: Calibration): Promise<Recording> {
  const states = statesTopics(calibration);
  const cameras = calibration.cameras.map(imageTopic);
  const bag = await openBag(path, {
    decode: new Map([...states, ...commandsTopics(calibration)]),
    images: new Map(cameras.map(({ topic, type }) => [topic, type])),
  });
  const { images, topics, damage } = bag;
  const joints = statesIn(bag, calibration);
  if (joints.length === 0)
    throw new UserError(
      `${path}: no joint states of ${[...states.keys()].join(' and ')}; it has ${[...topics].join(', ') || 'no messages'}${listed(damage)}`,
      { kind: 'missing', subject: path, fields: [...states.keys()] },
    );
  const period = controlPeriod(calibration);
  const first = joints[0].stamp;
  const steps = Number((joints.at(-1)!.stamp - first) / period) + 1;
  const commands = commandsIn(bag, calibration, joints[0].position);
  return {
    joints: everyStep(joints, first, steps, period),
    commands: commands.length > 0 ? everyStep(commands, first, steps, period) : [],
    async imagesAt(stamp) {
      const frames = calibration.cameras.map(async (camera): Promise<CameraFrame[]> => {
        const stored = images.get(imageTopic(camera).topic)!;
        const image = newestAt(stored, stamp) ?? stored.at(0);
        return image ? [frameOf(await image.read(), camera)] : [];
      });
      return (await Promise.all(frames)).flat();
    },
    damage,
    end: 'the end of the bag',
  };
}
