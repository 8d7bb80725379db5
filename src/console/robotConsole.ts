import { statfs } from 'node:fs/promises';
import type { Percentiles } from '../measure/distribution.ts';
import type { MeterReading } from '../measure/meters.ts';
import type { Robot } from '../robot/robot.ts';
import { pumpCameras } from './cameraPump.ts';
import { type Console, type ConsoleOptions, openConsole } from './console.ts';
import type {
  CameraPicture,
  Comparison,
  Figures,
  Finding,
  PhaseState,
  PolicyDescription,
  RequestName,
  RobotDescription,
  SensorLine,
} from './protocol.ts';
import { type Tap, describeRobot, tapRobot } from './tap.ts';

/** What of a run's state the console shows once a second. */
export type RunFigures = Omit<Figures, 'at' | 'lateness' | 'chunk' | 'diskLeft' | 'deadline'>;

export interface RobotConsoleOptions extends Omit<ConsoleOptions, 'episodes' | 'onHeartbeatLost'> {
  robot: Robot;
  simulated: boolean;
  tasks: RobotDescription['tasks'];
  /** Folder of the episodes that it records, if it does. */
  record?: string;
  /** The policy as it is now. */
  policy: () => PolicyDescription;
  /** The cameras that the policy sees. */
  cameras: readonly string[];
  /** The meters' reading of the run. */
  reading: () => MeterReading;
  figures: () => RunFigures;
  sensors: () => SensorLine[];
  /** A camera's newest picture for people, if it has any. */
  picture: (camera: string) => Promise<CameraPicture | undefined>;
  /** Brakes the robot to rest and keeps it there. */
  stop: (by: string, reason: string) => void;
}

/** A console beside a robot. */
export interface RobotConsole extends Omit<Tap, 'close' | 'relabel'> {
  readonly url: string;
  /** Whether somebody operates. */
  readonly attended: boolean;
  phase(state: Omit<PhaseState, 'at'>): void;
  /** Shows the policy anew. */
  policyChanged(): void;
  /** Shows how the policy was found to fit the robot. */
  fit(findings: Finding[]): void;
  comparisons(all: readonly Comparison[]): void;
  close(): Promise<void>;
}

const FIGURES_PERIOD = 1000;

const shown = (read: Percentiles | undefined) => read && { p50: read.p50, p99: read.p99 };

/** Milliseconds within which a chunk must come: the rows that are left when it is asked for. */
const deadlineOf = ({ horizon, executeSteps }: PolicyDescription, { embodiment }: Robot) =>
  (1000 * (horizon - executeSteps)) / embodiment.controlRate;

/** Bytes that are left in a folder's file system; undefined where that cannot be told. */
const leftIn = (folder: string) =>
  statfs(folder).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => undefined,
  );

function figuresOf(options: RobotConsoleOptions, diskLeft: number | undefined): Figures {
  const { reading, figures, policy, robot } = options;
  const { lateness, total } = reading().figures;
  return {
    at: Date.now(),
    ...(lateness && { lateness: shown(lateness) }),
    ...(total && { chunk: shown(total) }),
    deadline: deadlineOf(policy(), robot),
    ...(diskLeft !== undefined && { diskLeft }),
    ...figures(),
  };
}

function showFigures(console: Console, options: RobotConsoleOptions): () => void {
  const timer = setInterval(() => {
    if (!console.watched) return;
    console.publish('sensors', options.sensors());
    const left = options.record === undefined ? undefined : leftIn(options.record);
    void Promise.resolve(left).then((diskLeft) =>
      console.publish('figures', figuresOf(options, diskLeft)),
    );
  }, FIGURES_PERIOD);
  return () => clearInterval(timer);
}

/** Opens a console beside a robot. Throws a `UserError` where it cannot listen. */
export async function openRobotConsole(options: RobotConsoleOptions): Promise<RobotConsole> {
  const { robot, simulated, tasks, record, policy, cameras, answers, picture, log } = options;
  const console = await openConsole({
    ...options,
    ...(record !== undefined && { episodes: [record] }),
    onHeartbeatLost: (reason) => options.stop('the heartbeat', reason),
    onLabel(id, outcome) {
      tap.relabel(id, outcome);
      options.onLabel?.(id, outcome);
    },
  });
  const tap = tapRobot(robot, console, { executeSteps: policy().executeSteps, cameras });
  const names = Object.keys(answers) as RequestName[];
  console.publish(
    'robot',
    describeRobot(robot, { simulated, tasks, answers: names, used: cameras }),
  );
  console.publish('policy', policy());
  let shownPhase: PhaseState | undefined;
  let problem: string | undefined;
  const eyes = robot.embodiment.cameras.map(({ name }) => name);
  const stopPump = pumpCameras(console, eyes, picture, (error) => {
    const text = `no pictures for the console: ${String(error)}`;
    if (text !== problem) log((problem = text));
  });
  const stopFigures = showFigures(console, options);
  return {
    ...tap,
    url: console.url,
    get attended() {
      return console.attended;
    },
    phase(state) {
      const isSame = shownPhase?.phase === state.phase && shownPhase.attempt === state.attempt;
      shownPhase = { ...state, at: isSame ? shownPhase!.at : Date.now() };
      console.publish('phase', shownPhase);
    },
    policyChanged: () => console.publish('policy', policy()),
    fit: (findings) => console.publish('fit', { at: Date.now(), findings }),
    comparisons: (all) => console.publish('comparisons', [...all]),
    async close() {
      stopPump();
      stopFigures();
      tap.close();
      await console.close();
    },
  };
}
