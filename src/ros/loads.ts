import { messageOf } from '../errors.ts';
import { loadRos } from './rclnodejs.ts';

/*
 * Loads rclnodejs and a message of each package that Nalu's nodes speak, for the build: exit code 1 and why
 * where they are not there.
 */
const TYPES = [
  'diagnostic_msgs/msg/DiagnosticArray',
  'lifecycle_msgs/srv/ChangeState',
  'rosgraph_msgs/msg/Clock',
  'sensor_msgs/msg/Image',
  'std_msgs/msg/String',
  'std_srvs/srv/Trigger',
  'trajectory_msgs/msg/JointTrajectory',
];

try {
  const ros = await loadRos();
  for (const type of TYPES) ros.require(type);
} catch (error) {
  console.error(`nalu: ${messageOf(error)}`);
  process.exitCode = 1;
}
