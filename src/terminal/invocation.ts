import { existsSync } from 'node:fs';
import { packagePath } from '../files/packagePath.ts';

/** Whether Nalu runs from its own folder, built by npm; otherwise colcon has installed it. */
const isSource = existsSync(packagePath('tsconfig.json'));

/** The shell command that calls nalu here. */
export const invocation = (command: string): string =>
  `${isSource ? 'npx nalu' : 'ros2 run nalu nalu'} ${command}`;

/** The shell command that starts the main job in the simulator here. */
export const START = isSource ? 'npm start' : invocation('start');

const REBUILD = isSource ? 'npm ci in Nalu’s folder' : 'colcon build --packages-select nalu';

/** The shell command that builds packages with native code for this machine. */
export const REINSTALL = `${REBUILD}, on this machine: its packages hold native code for one system`;

/** The shell command that builds rclnodejs for the sourced ROS 2. */
export const REBUILD_RCLNODEJS = isSource ? 'npm install rclnodejs' : REBUILD;
