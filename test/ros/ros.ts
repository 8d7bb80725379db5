import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { messageOf } from '../../src/errors.ts';
import { type Ros, type RosNode, loadRos } from '../../src/ros/rclnodejs.ts';

// Tests run beside each other: each file has a ROS domain of its own, and so have its nodes.
process.env.ROS_DOMAIN_ID = String(100 + (process.pid % 100));

const found: Ros | string = await loadRos().catch((error: unknown) => messageOf(error));

/** Why tests of nodes are skipped; false where there is a ROS 2. */
export const skip = typeof found === 'string' ? `no ROS 2 to test with: ${found}` : false;

/** rclnodejs, initialised for this process with the parameters of its nodes. */
export async function initRos(parameters: Record<string, unknown> = {}): Promise<Ros> {
  const ros = found as Ros;
  await ros.init(undefined, [...process.argv.slice(0, 2), ...rosArguments(parameters)]);
  ros.removeSignalHandlers();
  return ros;
}

const rosArguments = (parameters: Record<string, unknown>) => [
  '--ros-args',
  ...Object.entries(parameters).flatMap(([name, value]) => [
    '-p',
    `${name}:=${value === '' ? "''" : String(value)}`,
  ]),
];

/** Waits until something is so. */
export async function until(isSo: () => boolean, what: () => string, seconds = 10): Promise<void> {
  const deadline = performance.now() + seconds * 1000;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`${what()}: not within ${seconds} s`);
    await setTimeout(10);
  }
}

/** Calls a service and gives its response. */
export async function call(node: RosNode, type: string, name: string, request: object = {}) {
  const client = node.createClient(type, name);
  if (!(await client.waitForService(15_000))) throw new Error(`no service ${name}`);
  return new Promise<Record<string, unknown>>((resolve) => client.sendRequest(request, resolve));
}

/** Runs one of the nodes as a process of its own. */
export function startNode(
  main: 'simMain' | 'policyMain' | 'replayMain',
  parameters: Record<string, unknown>,
  env: NodeJS.ProcessEnv = process.env,
) {
  const path = join(import.meta.dirname, `../../src/ros/${main.replace('Main', '')}/${main}.js`);
  const child: ChildProcess = spawn(process.execPath, [path, ...rosArguments(parameters)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env,
  });
  let output = '';
  const hear = (data: Buffer) => (output += data.toString());
  child.stdout?.on('data', hear);
  child.stderr?.on('data', hear);
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return {
    output: () => output,
    /** What it has said, without level, time, name of its node and transition. */
    said: () =>
      output.replaceAll(/^(\[[A-Z]+\] \[[\d.]+\] \[\w+\]|nalu): ((configure|activate): )?/gm, ''),
    exited,
    /** Sends a signal and gives the exit code. */
    stop(signal: NodeJS.Signals = 'SIGINT') {
      child.kill(signal);
      return exited;
    },
  };
}
