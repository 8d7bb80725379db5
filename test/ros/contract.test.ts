import { after, before } from 'node:test';
import type { Ros } from '../../src/ros/rclnodejs.ts';
import { rosRobot } from '../../src/ros/rosRobot.ts';
import { SIM_CALIBRATION } from '../../src/sim/embodiment.ts';
import { robotContract } from '../robot/robotContract.ts';
import { initRos, skip, startNode, until } from './ros.ts';
import { loadCalibration } from '../../src/robot/calibrationFile.ts';

const calibration = await loadCalibration(SIM_CALIBRATION);
let ros: Ros;
let sim: ReturnType<typeof startNode>;
let opened = 0;

if (!skip) {
  before(async () => {
    sim = startNode('simMain', {});
    ros = await initRos({ use_sim_time: true });
  });
  after(async () => {
    await sim.stop();
    ros.shutdown();
  });
}

robotContract(
  'the topics of the simulated ALOHA',
  async () => {
    const node = ros.createNode(`contract_${opened++}`);
    const cameras = ['cam_high', 'cam_low'];
    const output = 'trajectory';
    const robot = rosRobot({ ros, node, calibration, cameras, output, dryRun: false });
    node.spin();
    await until(
      () => robot.topics.every(({ stamp }) => stamp !== undefined),
      () => sim.output(),
    );
    return robot;
  },
  skip,
);
