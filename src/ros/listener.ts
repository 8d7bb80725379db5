import type { Calibration } from '../robot/calibration.ts';
import type { OperatingMode } from '../robot/operatingModes.ts';
import { delegateRobot } from '../robot/delegates.ts';
import type { Robot } from '../robot/robot.ts';
import { armsOfKind } from '../topics/commandKinds.ts';
import { askModes, hasInterbotixMessages } from './operatingModes.ts';
import { loadRos } from './rclnodejs.ts';
import { rosRobot } from './rosRobot.ts';
import { awaitTopics } from './topics.ts';

/** A robot that is observed only, and the operating modes that its drivers report. */
export interface Listener {
  robot: Robot;
  modes: readonly OperatingMode[];
}

/**
 * A robot that is only listened to, for a command outside of a node of its own: no publisher to its
 * arms is made. Throws a `UserError` that says of each topic why nothing comes.
 */
export async function openListener(
  name: string,
  calibration: Calibration,
  cameras: readonly string[],
  simTime: boolean,
): Promise<Listener> {
  const ros = await loadRos();
  await ros.init(undefined, simTime ? ['--ros-args', '-p', 'use_sim_time:=true'] : []);
  ros.removeSignalHandlers();
  const node = ros.createNode(name);
  const output = 'trajectory';
  const robot = rosRobot({ ros, node, calibration, cameras, output, dryRun: true });
  node.spin();
  const close = async () => {
    await robot.close();
    ros.shutdown();
  };
  try {
    await awaitTopics(node, robot, new AbortController().signal);
    const arms = armsOfKind(calibration, 'interbotix', 'interbotix');
    const modes = hasInterbotixMessages() ? await askModes(node, arms) : [];
    return { robot: delegateRobot(robot, { close }), modes };
  } catch (error) {
    await close();
    throw error;
  }
}
