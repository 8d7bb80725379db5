import { existsSync } from 'node:fs';
import { packagePath } from '../files/packagePath.ts';

/** Whether this is Nalu's own folder, where npm builds and starts it; else colcon has installed it. */
const isSource = existsSync(packagePath('tsconfig.json'));

/** How a command of nalu is called here. */
export const invocation = (command: string): string =>
  `${isSource ? 'npx nalu' : 'ros2 run nalu nalu'} ${command}`;

/** What starts the main job in the simulator here. */
export const START = isSource ? 'npm start' : invocation('start');

const REBUILD = isSource ? 'npm ci in Nalu’s folder' : 'colcon build --packages-select nalu';

/** How packages with native code are built for this machine. */
export const REINSTALL = `${REBUILD}, on this machine: its packages hold native code for one system`;

/** How rclnodejs is built for the ROS 2 that is sourced. */
export const REBUILD_RCLNODEJS = isSource ? 'npm install rclnodejs' : REBUILD;
