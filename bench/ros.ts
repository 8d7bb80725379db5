import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { messageOf } from '../src/errors.ts';
import { sessionConfigSchema } from '../src/session/session.ts';
import { packagePath } from '../src/files/packagePath.ts';
import { loadBundle } from '../src/policy/bundle/bundle.ts';
import { openWorkerPolicy } from '../src/policy/worker/workerPolicy.ts';
import { loadRos } from '../src/ros/rclnodejs.ts';
import { type RosRobot, rosRobot } from '../src/ros/rosRobot.ts';
import { type Synchroniser, createSynchroniser } from '../src/control/synchroniser.ts';
import type { ChunkPolicy } from '../src/policy/chunkPolicy.ts';
import { bareTimer } from './bareTimer.ts';
import { type Row, percentile } from './row.ts';
import { loadCalibration } from '../src/robot/calibrationFile.ts';

/** Seconds; NALU_BENCH_SECONDS=600 for the long run. */
const DURATION = Number(process.env.NALU_BENCH_SECONDS ?? 30);
const WARM_UP = 3;
/** Hz of the driver's images. */
const FRAME_RATE = 50;
const CALIBRATION = packagePath('calibration/aloha-1.0.yaml');

/** Another process that publishes both arms and four cameras of 640×480. */
async function startDriver(): Promise<ChildProcess> {
  const path = join(import.meta.dirname, 'rosDriver.js');
  const driver = spawn(process.execPath, [path, CALIBRATION], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(driver.stdout, 'data');
  return driver;
}

/** The robot over ROS, and what drives it. */
interface Subject {
  robot: RosRobot;
  synchroniser: Synchroniser;
  policy: ChunkPolicy;
  cameras: readonly string[];
}

/** Runs the loop, and measures it after its warm-up. */
async function measure({ robot, synchroniser, policy, cameras }: Subject) {
  const { clock } = robot;
  const period = 20_000_000n;
  const lateness: number[] = [];
  const bare = bareTimer(DURATION);
  let [chunks, sampling] = [0, false];
  const count = () =>
    robot.topics.filter(({ source }) => cameras.includes(source)).map(({ messages }) => messages);
  let [before, cpu] = [count(), process.cpuUsage()];
  const resident: number[] = [];
  let loop = performance.eventLoopUtilization();
  const start = clock.now();
  for (let tick = 0; tick < (WARM_UP + DURATION) * 50; tick++) {
    const due = start + BigInt(tick) * period;
    await clock.until(due);
    if (tick === WARM_UP * 50) {
      [before, cpu] = [count(), process.cpuUsage()];
      loop = performance.eventLoopUtilization();
      lateness.length = 0;
    }
    lateness.push(Number(clock.now() - due) / 1e6);
    if (tick % 50 === 0) resident.push(process.memoryUsage.rss() / 2 ** 20);
    const taken = synchroniser.take(policy.cameras, 'Transfer cube', clock.now());
    if ('missing' in taken) continue;
    robot.command(taken.observation.joints.position);
    if (sampling) continue;
    sampling = true;
    void policy.sample(taken.observation, { seed: tick }).then(() => {
      sampling = false;
      chunks += 1;
    });
  }
  const received = count().map((now, camera) => now - before[camera]);
  const used = process.cpuUsage(cpu);
  const { utilization } = performance.eventLoopUtilization(loop);
  const cores = (used.user + used.system) / 1e6 / DURATION;
  return { lateness, bare: await bare, received, utilization, cores, chunks, resident };
}

/** What of it the table shows. */
function rowsOf(run: Awaited<ReturnType<typeof measure>>): Row[] {
  const { lateness, bare, received, utilization, cores, chunks, resident } = run;
  const quarter = Math.floor(resident.length / 4);
  const [early, late] = [resident.slice(quarter, 2 * quarter), resident.slice(-quarter)];
  const expected = DURATION * FRAME_RATE * received.length;
  const total = received.reduce((sum, n) => sum + n, 0);
  const p99 = percentile(lateness, 0.99);
  return [
    { name: 'images received of those sent', value: (100 * total) / expected, unit: '%' },
    { name: 'tick lateness, p99', value: p99, unit: 'ms', target: 3, better: 'less' },
    { name: '  the same of a bare timer beside it', value: bare.p99, unit: 'ms' },
    { name: '  p50', value: percentile(lateness, 0.5), unit: 'ms' },
    { name: '  largest', value: percentile(lateness, 1), unit: 'ms' },
    {
      name: "main thread's busy share",
      value: 100 * utilization,
      unit: '%',
      target: 60,
      better: 'less',
    },
    { name: 'whole process, cores', value: cores, unit: 'cores' },
    { name: 'chunks sampled', value: chunks / DURATION, unit: 'a second' },
    { name: 'resident memory, second quarter', value: percentile(early, 0.5), unit: 'MiB' },
    { name: '  last quarter', value: percentile(late, 0.5), unit: 'MiB' },
  ];
}

/** A control loop over ROS: four cameras in, commands out, the policy sampling all the time. */
export async function benchRos(): Promise<Row[]> {
  let ros;
  try {
    ros = await loadRos();
  } catch (error) {
    console.log(`  skipped: ${messageOf(error)}`);
    return [];
  }
  process.env.CYCLONEDDS_URI ??= packagePath('launch/cyclonedds.xml');
  process.env.ROS_DOMAIN_ID = '98';
  const driver = await startDriver();
  await ros.init();
  ros.removeSignalHandlers();
  const node = ros.createNode('bench');
  const calibration = await loadCalibration(CALIBRATION);
  const cameras = calibration.cameras.map(({ name }) => name);
  const output = 'trajectory';
  const robot = rosRobot({ ros, node, calibration, cameras, output, dryRun: false });
  const synchroniser = createSynchroniser(calibration.joints.map(({ name }) => name));
  robot.observe(synchroniser);
  node.spin();
  const bundle = await loadBundle(packagePath('models/aloha-mini'));
  const policy = await openWorkerPolicy(bundle, sessionConfigSchema.parse({ threads: 1 }));
  const run = await measure({ robot, synchroniser, policy, cameras });
  await policy.close();
  await robot.close();
  driver.kill('SIGKILL');
  ros.shutdown();
  return rowsOf(run);
}
