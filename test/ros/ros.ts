import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { messageOf } from '../../src/errors.ts';
import { type Ros, loadRos } from '../../src/ros/rclnodejs.ts';

/** rclnodejs, or why there is none: then tests of nodes are skipped with these words. */
export const ros: Ros | string = await loadRos().catch((error: unknown) => messageOf(error));

export const skip = typeof ros === 'string' ? `no ROS 2 to test with: ${ros}` : false;

/** Runs one of the nodes as a process of its own, and ends it. */
export function startNode(main: 'simMain' | 'policyMain' | 'replayMain', parameters: object) {
  const values = Object.entries(parameters).flatMap(([name, value]) => [
    '-p',
    `${name}:=${String(value)}`,
  ]);
  const path = join(import.meta.dirname, `../../src/ros/${main}.js`);
  const child: ChildProcess = spawn(process.execPath, [path, '--ros-args', ...values], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const hear = (data: Buffer) => (output += data.toString());
  child.stdout?.on('data', hear);
  child.stderr?.on('data', hear);
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return {
    child,
    output: () => output,
    exited,
    stop: async (signal: NodeJS.Signals = 'SIGINT') => {
      child.kill(signal);
      return exited;
    },
  };
}
