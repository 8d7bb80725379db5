import { after, before } from 'node:test';
import { loadCalibration } from '../../src/robot/calibration.ts';
import type { Ros } from '../../src/ros/rclnodejs.ts';
import { rosRobot } from '../../src/ros/rosRobot.ts';
import { SIM_CALIBRATION } from '../../src/sim/embodiment.ts';
import { robotContract } from '../robot/robotContract.ts';
import { ros, skip, startNode } from './ros.ts';

const calibration = await loadCalibration(SIM_CALIBRATION);
let sim: ReturnType<typeof startNode>;
let opened = 0;

if (!skip) {
  before(async () => {
    sim = startNode('simMain', {});
    process.argv.push('--ros-args', '-p', 'use_sim_time:=true');
    await (ros as Ros).init();
    (ros as Ros).removeSignalHandlers();
  });
  after(async () => {
    await sim.stop();
    (ros as Ros).shutdown();
  });
}

robotContract(
  'the topics of the simulated ALOHA',
  async () => {
    const library = ros as Ros;
    const node = library.createNode(`contract_${opened++}`);
    const robot = rosRobot({
      ros: library,
      node,
      calibration,
      cameras: ['cam_high', 'cam_low'],
      output: 'trajectory',
      dryRun: false,
    });
    node.spin();
    const began = performance.now();
    while (robot.topics.some(({ stamp }) => stamp === undefined)) {
      if (performance.now() - began > 10_000) throw new Error(`silence; ${sim.output()}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return {
      ...robot,
      async close() {
        await robot.close();
      },
    };
  },
  skip,
);
