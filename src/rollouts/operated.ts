import { examineOpen } from '../check/examine.ts';
import { findingsOf, verdictOf } from '../check/report.ts';
import { type RobotConsole, openRobotConsole } from '../console/robotConsole.ts';
import type { RuntimeAnswers } from '../console/console.ts';
import type { ConsoleChoice } from '../console/consoleAccess.ts';
import type { CameraPicture, PolicyDescription } from '../console/protocol.ts';
import { approach } from '../control/approach.ts';
import { type AttemptResult, runAttempt } from '../control/attempt.ts';
import { countSensors } from '../console/sensorRates.ts';
import { attemptLine } from '../control/attemptLine.ts';
import type { LoopCounts } from '../control/loopOptions.ts';
import {
  type Operation,
  type OperationState,
  type OperationWork,
  createOperation,
} from '../control/operation.ts';
import { operationRequests } from '../control/operationRequests.ts';
import type { EpisodeRecorder } from '../episodes/recordEpisode.ts';
import { type Meters, createMeters } from '../measure/meters.ts';
import type { ChunkPolicy } from '../policy/chunkPolicy.ts';
import { messageOf } from '../errors.ts';
import { openProcess } from '../processes/child.ts';
import { openParts } from '../processes/openParts.ts';
import type { Bundle } from '../policy/bundle/config.ts';
import { loadCalibration } from '../robot/calibrationFile.ts';
import { delegateTask } from '../robot/delegates.ts';
import { SIM_CALIBRATION } from '../sim/embodiment.ts';
import type { PreviewFunctions } from '../sim/previewProcess.ts';
import type { SimulatedAloha, SimulatedAlohaOptions } from '../sim/simulatedAloha.ts';
import { type Output, print } from '../terminal/output.ts';
import { type OperatedVersions, operatedVersions } from './operatedVersions.ts';
import type { PlayedVersions } from './playedVersions.ts';

/** rad/s at which the arms go to their start pose. */
const HOMING_SPEED = 1;

/** A simulated robot that a person operates from the console. */
export interface OperatedOptions extends ConsoleChoice {
  sim: SimulatedAloha;
  /** How the simulation was opened, for the process that draws its cameras. */
  scene: SimulatedAlohaOptions;
  policy: ChunkPolicy;
  /** Absent for a policy on a server. */
  bundle?: Bundle;
  description: PolicyDescription;
  versions: PlayedVersions;
  /** The first attempt's seed; the next ones count up from it. */
  seed: number;
  /** Folder of the episodes, if they are kept. */
  record?: string;
  /** Arguments of `nalu doctor`, for the page. */
  doctor?: readonly string[];
  recorder: (seed: number) => Promise<EpisodeRecorder | undefined>;
  /** Hears each phase. */
  onState?: (state: OperationState) => void;
  err: Output;
  signal: AbortSignal;
}

/** Draws the cameras in a process of its own. */
async function openPreviews(sim: SimulatedAloha, scene: SimulatedAlohaOptions) {
  const module = new URL('../sim/previewProcess.js', import.meta.url);
  const name = 'the process that draws pictures';
  const child = await openProcess<PreviewFunctions>(module, { name, data: scene });
  return {
    async take(camera: string): Promise<CameraPicture> {
      const began = performance.now();
      const jpeg = await child.ask('draw', sim.qpos(), camera);
      return { at: Date.now(), camera, age: performance.now() - began, jpeg };
    },
    close: () => child.close(),
  };
}

/** A simulated robot, and what is done with it. */
interface Operated {
  options: OperatedOptions;
  meters: Meters;
  console: RobotConsole;
  operation: Operation;
  versions: OperatedVersions;
  counts: LoopCounts | undefined;
  seed: number;
}

async function attempt(
  run: Operated,
  { verdict, judgement, signal }: Parameters<OperationWork['attempt']>[0],
): Promise<AttemptResult> {
  const { options, meters, console } = run;
  const { sim, policy, recorder } = options;
  const seed = run.seed++;
  return runAttempt({
    robot: console.robot,
    task: delegateTask(sim, {
      assess() {
        const { reward, success } = sim.assess();
        const said = verdict();
        return { reward, success: said ? said === 'success' : success, failed: said === 'failure' };
      },
    }),
    policy,
    seed,
    recorder: await recorder(seed),
    meters,
    awaitChunks: false,
    onChunk(counts, taken) {
      run.counts = counts;
      console.chunk(taken);
    },
    warn: (text) => console.log('warn', text),
    judgement,
    signal,
  });
}

/** What a person can do with the simulated robot. */
function workOf(run: () => Operated): OperationWork {
  return {
    async prepare() {
      await run().versions.prepare();
      // Nobody else puts the simulated scene back.
      await run().options.sim.reset(run().seed);
    },
    async home(signal) {
      const { console } = run();
      const { robot } = console;
      const pose = Float64Array.from(robot.embodiment.joints, ({ home }) => home);
      await approach({ robot, pose, speed: HOMING_SPEED, signal });
    },
    attempt: (options) => attempt(run(), options),
  };
}

/** Compares the policy with the simulated robot at the start of the next attempt. Gives the result in a sentence. */
async function check({ options, console, seed }: Operated): Promise<string> {
  const { sim, policy, bundle } = options;
  const { fit, misfits } = await examineOpen({
    ...{ robot: console.robot, policy, prompt: sim.prompt, start: () => sim.reset(seed) },
    ...(bundle && { bundle }),
    calibration: await loadCalibration(SIM_CALIBRATION),
  });
  console.fit(findingsOf(misfits, fit));
  return verdictOf(misfits);
}

const nothingCounted = { missedSteps: 0, heldSteps: 0, starvedSteps: 0 };

/** What the page asks of the robot. */
const answersOf = (
  { operation, versions, options }: Omit<Operated, 'console' | 'counts' | 'seed'>,
  run: () => Operated,
) =>
  ({
    ...versions.answers,
    ...operationRequests(operation),
    start: ({ attempts }) => operation.start(versions.toMake(attempts)),
    async sceneReady() {
      const said = operation.sceneReady();
      if (operation.state.phase === 'ready') await options.sim.reset(run().seed);
      return said;
    },
    check: () => operation.atRest(() => check(run())),
  }) satisfies RuntimeAnswers;

/** Shows the phase that the robot is in. */
function showPhase({ console, operation, versions, options: { sim } }: Operated): void {
  const { name: task, prompt, maxSteps, embodiment } = sim;
  const seconds = maxSteps / embodiment.controlRate;
  console.phase({ ...operation.state, ...versions.comparison, task, prompt, seconds });
}

/** Says on the pages what went wrong. */
const failed =
  ({ console }: Pick<Operated, 'console'>) =>
  (error: unknown) =>
    console.log('error', messageOf(error));

/** Shows a finished attempt. */
function showAttempt(run: Operated, result: AttemptResult): void {
  const { console, operation, versions, options } = run;
  const { attempt } = operation.state;
  const { controlRate } = options.sim.embodiment;
  const { problem } = result;
  if (problem) console.log(problem.kind === 'ended' ? 'info' : 'error', problem.message);
  const line = attemptLine(result, { attempt, version: versions.now, controlRate });
  console.attempt(line);
  versions.judged(line).catch(failed(run));
}

const untilAborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });

/** Runs a simulated robot as a person at the console asks, in real time, until `signal` aborts. */
export async function operate(options: OperatedOptions): Promise<void> {
  const { access, addresses, port, sim, scene, policy, description, seed, record, err, signal } =
    options;
  const { keep, closeAll } = openParts();
  const say = (line: string) => print(err, `nalu: ${line}`);
  let opened: Operated | undefined;
  const run = () => opened!;
  const operation = createOperation({
    work: workOf(run),
    attended: () => run().console.attended,
    onState(state) {
      options.onState?.(state);
      showPhase(run());
    },
    onAttempt: (result) => showAttempt(run(), result),
    onProblem: (problem) => run().console.log('error', problem),
  });
  const versions = operatedVersions({
    ...{ versions: options.versions, description, record },
    onChange: () => showPhase(run()),
    operation: () => operation,
    console: () => run().console,
  });
  try {
    const counted = countSensors(sim);
    const previews = keep(await openPreviews(sim, scene));
    const meters: Meters = keep(createMeters({ guarded: (event) => run().console.guarded(event) }));
    const parts = { options, meters, operation, versions };
    const console = keep(
      await openRobotConsole({
        ...{ access, port, record, robot: counted.robot, simulated: true, doctor: options.doctor },
        tasks: [{ name: sim.name, prompt: sim.prompt }],
        cameras: policy.cameras,
        policy: () => versions.describe(),
        reading: () => meters.reading(),
        figures: () => {
          const { missedSteps, heldSteps, starvedSteps } = opened?.counts ?? nothingCounted;
          return { missedSteps, heldSteps, starvedSteps };
        },
        sensors: counted.sensors,
        picture: (camera) => previews.take(camera),
        answers: answersOf(parts, run),
        onLabel: () => opened && void versions.relabelled().catch(failed(opened)),
        stop: (by, reason) => operation.stop(by, reason),
        log: say,
      }),
    );
    opened = { ...parts, console, counts: undefined, seed };
    console.robot.observe({ joints: () => undefined, frame: () => undefined });
    await sim.reset(seed);
    await versions.open();
    showPhase(opened);
    for (const address of addresses(console.url)) say(`console at ${address}`);
    await untilAborted(signal);
    await operation.halt();
  } finally {
    await closeAll();
  }
}
