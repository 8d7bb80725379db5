import { REBUILD_RCLNODEJS } from '../terminal/invocation.ts';
import { type OperatingMode, modeFault } from '../robot/operatingModes.ts';
import { imageTopic } from '../topics/imageTopic.ts';
import { armsOfKind } from '../topics/commandKinds.ts';
import { findingsOf } from './finding.ts';
import { probe } from './probe.ts';
import { loadCalibration } from '../robot/calibrationFile.ts';
import { type Finding } from './finding.ts';

const { ok, lack, absent } = findingsOf('ROS 2');

interface Topic {
  name: string;
  types: string[];
}

const IMAGE_TYPES = ['sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'];

/** Whether each camera of a calibration has a topic of the right type; lists other image topics if not. */
export function cameraFindings(
  cameras: readonly { name: string; topic: string; type: string }[],
  topics: readonly Topic[],
): Finding[] {
  const images = topics.filter(({ types }) => types.some((type) => IMAGE_TYPES.includes(type)));
  const seen = images.map(({ name }) => name).join(', ') || 'none';
  return cameras.map(({ name, topic, type }) => {
    const published = topics.find((other) => other.name === topic);
    if (published?.types.includes(type)) return ok(name, topic);
    return published
      ? lack(
          name,
          `${topic} is ${published.types.join(', ')}, not ${type}`,
          'correct transport in the calibration',
        )
      : lack(
          name,
          `nobody publishes ${topic}; image topics: ${seen}`,
          'start its driver, or correct its topic in the calibration (nalu calibrate finds it)',
        );
  });
}

/** Whether Interbotix' drivers accept position commands, if they report it; or why they did not respond. */
export function modeFindings(modes: readonly OperatingMode[] | string): Finding[] {
  if (typeof modes === 'string')
    return [lack('operating modes', modes, "check the arms' drivers, then ask again")];
  return modes.map((found) => {
    const item = `/${found.namespace} ${found.part}`;
    const wrong = modeFault(found);
    return wrong ? lack(item, wrong.fault, wrong.advice) : ok(item, found.mode);
  });
}

/** Findings on ROS 2 and rclnodejs, and on the cameras' topics of a calibration if there is one. */
export async function rosFindings(
  calibrationPath: string | undefined,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Finding[]> {
  const calibration =
    calibrationPath === undefined ? undefined : await loadCalibration(calibrationPath);
  if (!env.AMENT_PREFIX_PATH) {
    const found = 'none in this shell';
    const source = 'source /opt/ros/jazzy/setup.bash, or that of your distribution';
    return [
      calibration
        ? lack('distribution', found, source)
        : absent('distribution', found, `for a real robot: ${source}`),
    ];
  }
  const distribution = ok('distribution', env.ROS_DISTRO ?? env.AMENT_PREFIX_PATH);
  const { value, error } = await probe(
    'topics',
    calibration && armsOfKind(calibration, 'interbotix', 'interbotix'),
  );
  if (value === undefined)
    return [
      distribution,
      lack('rclnodejs', error ?? '', `with ROS 2 sourced: ${REBUILD_RCLNODEJS}`),
    ];
  const cameras = (calibration?.cameras ?? []).map((camera) => ({
    name: camera.name,
    ...imageTopic(camera),
  }));
  const { topics, modes } = value;
  return [
    distribution,
    ok('rclnodejs', `loads; ${topics.length} topics seen`),
    ...cameraFindings(cameras, topics),
    ...modeFindings(modes),
  ];
}
