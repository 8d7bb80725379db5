import { after, before, describe } from 'node:test';
import type { Calibration } from '../../src/robot/calibration.ts';
import { loadCalibration } from '../../src/robot/calibrationFile.ts';
import { CLOCK } from '../../src/ros/clock.ts';
import { type Stamp, nanosecondsOf } from '../../src/episodes/rosTime.ts';
import { image } from '../../src/topics/messages.ts';
import type { Ros } from '../../src/ros/rclnodejs.ts';
import { rosRobot } from '../../src/ros/rosRobot.ts';
import { SIM_CALIBRATION } from '../../src/sim/embodiment.ts';
import { robotContract } from '../robot/robotContract.ts';
import { OUTPUT, createArms, frameOf, withSmallCamera } from './fakeDriver.ts';
import { initRos, skip, startNode, until } from './ros.ts';

const aloha = await loadCalibration(SIM_CALIBRATION);
const others = await Promise.all(
  ['so101', 'franka'].map(async (name) => {
    const calibration = await loadCalibration(`calibration/${name}.yaml`);
    return [name, withSmallCamera(calibration)] as const;
  }),
);
let ros: Ros;
let sim: ReturnType<typeof startNode>;
let opened = 0;

/** The robot that a calibration's topics lead to, once all of them have spoken. */
async function open(calibration: Calibration, cameras: string[]) {
  const node = ros.createNode(`contract_${opened++}`);
  const robot = rosRobot({ ros, node, calibration, cameras, output: OUTPUT, dryRun: false });
  node.spin();
  await until(
    () => robot.topics.every(({ stamp }) => stamp !== undefined),
    () => sim.output(),
  );
  return robot;
}

/** Arms and a camera behind a node of their own, which go on with the simulation's clock. */
function startDriver(calibration: Calibration): () => void {
  const node = ros.createNode(`driver_${opened++}`);
  const arms = createArms(node, calibration);
  const cameras = calibration.cameras.map((camera) => ({
    camera,
    publisher: node.createPublisher('sensor_msgs/msg/Image', camera.topic),
  }));
  const step = async (stamp: bigint) => {
    arms.step(stamp);
    for (const { camera, publisher } of cameras)
      publisher.publish(image(stamp, '', camera, await frameOf(camera, stamp).pixels()));
  };
  node.createSubscription(CLOCK, '/clock', {}, ({ clock }: { clock: Stamp }) => {
    void step(nanosecondsOf(clock));
  });
  node.spin();
  return () => node.destroy();
}

describe('robots over ROS 2', { skip }, () => {
  before(async () => {
    sim = startNode('simMain', {});
    ros = await initRos({ use_sim_time: true });
  });
  after(async () => {
    await sim.stop();
    ros.shutdown();
  });

  robotContract(
    'the topics of the simulated ALOHA',
    () => open(aloha, ['cam_high', 'cam_low']),
    skip,
  );

  for (const [name, calibration] of others)
    robotContract(
      `the topics of ${name}`,
      async () => {
        const stop = startDriver(calibration);
        const robot = await open(calibration, [calibration.cameras[0].name]);
        return {
          ...robot,
          async close() {
            await robot.close();
            stop();
          },
        };
      },
      skip,
    );
});
