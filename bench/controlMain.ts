import { sessionConfigSchema } from '../src/session/session.ts';
import { packagePath } from '../src/files/packagePath.ts';
import { goFirst } from '../src/processes/priority.ts';
import { serve } from '../src/processes/serve.ts';
import { openCourier } from '../src/link/robot/courier.ts';
import type { CourierWork } from '../src/link/robot/courierMessages.ts';
import { loadBundle } from '../src/policy/bundle/bundle.ts';
import type { WorkerPolicy } from '../src/policy/worker/workerPolicy.ts';
import { openWorkerPolicy } from '../src/policy/worker/workerPolicy.ts';
import type { Robot, Task } from '../src/robot/robot.ts';
import { runAttempt } from '../src/control/attempt.ts';
import { type Percentiles, createDistribution } from '../src/measure/distribution.ts';
import { type MeterListener, type MeterReading, createMeters } from '../src/measure/meters.ts';
import { describeBundle } from '../src/console/describePolicy.ts';
import type { PolicyDescription } from '../src/console/protocol.ts';
import { openRobotConsole } from '../src/console/robotConsole.ts';
import type { TakenChunk } from '../src/console/tap.ts';
import type { LoopCounts } from '../src/control/loopOptions.ts';
import type { Calls } from '../src/processes/calls.ts';
import { openProcess } from '../src/processes/child.ts';
import { createSynchroniser } from '../src/control/synchroniser.ts';
import { simulatedEmbodiment } from '../src/sim/embodiment.ts';
import { resident } from './memory.ts';
import type { PreviewerFunctions, PreviewerWork } from './previewer.ts';
import { wallRobot } from './wallRobot.ts';

/** What a window of the run was like. */
export interface ControlWindow {
  /** Since the measurement began. */
  seconds: number;
  /** Of the window. */
  lateness: Percentiles;
  /** MiB */
  resident: number;
}

/** The whole run. */
export interface ControlReading extends MeterReading {
  windows: ControlWindow[];
  /** Why attempts ended before their time; another was begun at once. */
  stops: string[];
  /** Sampled, played or not. */
  chunks: number;
  /** Of the time in which the main thread was not idle. */
  busy: number;
  /** Episodes that the learner has, of a run with a link. */
  acknowledged?: number;
}

/** What a robot has beside its loop. */
export interface Beside {
  /** Its end of the link, which sends what waits in its folder of episodes. */
  link?: CourierWork;
  /** A console. */
  console?: boolean;
}

/** The process of a run. */
export interface ControlFunctions {
  run: (seconds: number, beside: Beside) => Promise<ControlReading>;
}

/** Receives each window when it is over, and the address of a console as it opens. */
export interface ControlListener {
  window: (window: ControlWindow) => void;
  console: (url: string) => Promise<void>;
}

const WARM_UP = 3;
const FRAME_RATE = 30;
const PROMPT = 'Transfer cube';

/** A second observer of what a robot senses. */
function overheard(robot: Robot) {
  const own = createSynchroniser(robot.embodiment.joints.map(({ name }) => name));
  const observe: Robot['observe'] = (observer) =>
    robot.observe({
      joints(state) {
        own.joints(state);
        observer.joints(state);
      },
      frame(frame) {
        own.frame(frame);
        observer.frame(frame);
      },
    });
  return { robot: { ...robot, observe }, own };
}

/** Samples without a pause, beside what the attempt asks for, until it is stopped. */
function keepSampling(policy: WorkerPolicy, sensed: ReturnType<typeof overheard>) {
  let [stopped, chunks] = [false, 0];
  const run = async () => {
    while (!stopped) {
      const taken = sensed.own.take(policy.cameras, PROMPT, sensed.robot.clock.now());
      if ('observation' in taken) await policy.sample(taken.observation, { seed: chunks++ });
      else await new Promise((resume) => setTimeout(resume, 20));
    }
  };
  const done = run();
  return {
    async stop() {
      stopped = true;
      await done;
      return chunks;
    },
  };
}

/** Lateness by window of so many seconds. */
function createWindows(length: number, onWindow: ControlListener['window']) {
  const windows: ControlWindow[] = [];
  const began = performance.now();
  let lateness = createDistribution();
  const observed: MeterListener['observed'] = (figure, value) => {
    if (figure !== 'lateness') return;
    lateness.add(value);
    const seconds = (performance.now() - began) / 1000;
    if (seconds < (windows.length + 1) * length) return;
    const read = lateness.percentiles()!;
    windows.push({ seconds, lateness: read, resident: resident('VmRSS') });
    lateness = createDistribution();
    onWindow(windows.at(-1)!);
  };
  return { windows, observed };
}

/** A console beside a robot, as its ROS 2 node has it. */
async function openConsole(
  robot: Robot,
  policy: () => PolicyDescription,
  reading: () => MeterReading,
) {
  const { cameras } = robot.embodiment;
  const [{ width, height }] = cameras;
  const module = new URL('./previewer.js', import.meta.url);
  const data: PreviewerWork = { width, height };
  const previewer = await openProcess<PreviewerFunctions>(module, { name: 'the previewer', data });
  const names = cameras.map(({ name }) => name);
  const opened = await openRobotConsole({
    ...{ robot, policy, reading, cameras: names },
    ...{ access: { host: '127.0.0.1' }, port: 0, simulated: false, tasks: [], answers: {} },
    figures: () => ({ missedSteps: 0, heldSteps: 0, starvedSteps: 0 }),
    sensors: () => [],
    async picture(camera) {
      const began = performance.now();
      const jpeg = await previewer.ask('preview');
      return { camera, at: Date.now(), age: performance.now() - began, jpeg };
    },
    stop: () => undefined,
    log: console.error,
  });
  return {
    ...opened,
    async close() {
      await opened.close();
      await previewer.close();
    },
  };
}

async function measure(
  duration: number,
  { link, console: hasConsole = false }: Beside,
  owner: Calls<ControlListener>,
): Promise<ControlReading> {
  const behind = goFirst();
  if (behind !== undefined) console.error(`  the loop is not put first: ${behind}`);

  const all = await simulatedEmbodiment();
  const cameras = all.cameras.map(({ name }) => ({ name, width: 640, height: 480 }));
  const sensed = overheard(wallRobot({ ...all, cameras }, FRAME_RATE));
  const bundle = await loadBundle(packagePath('models/aloha-mini'));
  const session = sessionConfigSchema.parse({ threads: 1 });
  const policy = await openWorkerPolicy(bundle, session);
  const holding = (seconds: number): Task => ({
    ...{ name: 'hold', prompt: PROMPT, maxSteps: seconds * all.controlRate },
    reset: () => Promise.resolve(),
    assess: () => ({ reward: 0, success: false }),
  });
  /** A chunk is asked for in time for the one before it in the queue. */
  const attempt = { policy, seed: 0, lead: 8, awaitChunks: false };

  await runAttempt({ ...attempt, robot: sensed.robot, task: holding(WARM_UP) });
  const { windows, observed } = createWindows(Math.min(60, duration / 4), (window) =>
    owner.notify('window', window),
  );
  const nothing = () => undefined;
  const meters = createMeters({
    ...{ observed, missed: nothing, chunk: nothing, guarded: nothing, attempt: nothing },
  });
  const courier =
    link &&
    (await openCourier({ ...link, onAdapter: () => Promise.resolve(), log: console.error }));
  const describe = () => describeBundle(bundle, policy, session);
  const page = hasConsole
    ? await openConsole(sensed.robot, describe, () => meters.reading())
    : undefined;
  if (page) await owner.ask('console', page.url);
  const robot = page?.robot ?? sensed.robot;
  const onChunk = (_: LoopCounts, taken: TakenChunk) => page?.chunk(taken);
  const sampling = keepSampling(policy, sensed);
  const before = performance.eventLoopUtilization();
  const stops: string[] = [];
  for (let left = duration; left > 0;) {
    const { problem, steps } = await runAttempt({
      ...attempt,
      robot,
      onChunk,
      task: holding(left),
      meters,
    });
    if (problem) stops.push(problem.message);
    left = problem ? Math.floor(left - Math.max(steps / all.controlRate, 1)) : 0;
  }
  const busy = performance.eventLoopUtilization(before).utilization;
  const chunks = await sampling.stop();
  const acknowledged = courier?.status().acknowledged;
  await courier?.close();
  await page?.close();
  await policy.close();
  await robot.close();
  meters.close();
  return { ...meters.reading(), windows, stops, chunks, busy, acknowledged };
}

serve<ControlFunctions, undefined, ControlListener>((_, owner) => ({
  run: (seconds, beside) => measure(seconds, beside, owner),
}));
