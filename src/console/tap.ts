import type { Outcome } from '../episodes/outcome.ts';
import { describeEvent, type GuardEvent } from '../guard/guardEvents.ts';
import type { Chunk, Observation } from '../policy/chunkPolicy.ts';
import { viewOfCamera } from '../images/view.ts';
import { delegateRobot } from '../robot/delegates.ts';
import type { Robot } from '../robot/robot.ts';
import { onWarning } from '../warnings.ts';
import type { Console } from './console.ts';
import { type AttemptLine, type GuardLine, HIDDEN, type LogLine, type Motion, type RobotDescription } from './protocol.ts'; // prettier-ignore

/** Milliseconds between two views of the joints. */
const MOTION_PERIOD = 50;
/** Lines that are kept of each list. */
const KEPT = { guard: 100, attempts: 1000, log: 200 };
/** Milliseconds within which the same event of the guard is one line. */
const SAME = 1000;

/** A chunk that has taken over. */
export interface TakenChunk {
  index: number;
  observation: Observation;
  chunk: Chunk;
  /** Control steps from its observation to its turn. */
  delay: number;
}

/** What the console sees of a robot while the loop runs it. */
export interface Tap {
  /** The robot to run instead. */
  robot: Robot;
  /** To be called with each chunk that takes over. */
  chunk(taken: TakenChunk): void;
  guarded(event: GuardEvent): void;
  attempt(line: AttemptLine): void;
  /** Corrects the outcome of the attempt that this episode is of. */
  relabel(episode: string, outcome: Outcome): void;
  /** Hides from now on which version makes chunks and attempts, or tells it of all attempts. */
  blind(on: boolean): void;
  log(level: LogLine['level'], text: string): void;
  close(): void;
}

/** Describes a robot to the pages. */
export const describeRobot = (
  robot: Robot,
  rest: Pick<RobotDescription, 'simulated' | 'tasks' | 'answers'> & { used: readonly string[] },
): RobotDescription => {
  const { name, controlRate, joints, cameras, space } = robot.embodiment;
  const { used, ...more } = rest;
  return {
    ...more,
    name,
    controlRate,
    dry: robot.dry ?? false,
    joints: joints.map(({ name, kind, lower, upper, velocity }) => ({ name, kind, lower, upper, velocity })), // prettier-ignore
    arms: space?.arms ?? [],
    cameras: cameras.map(({ name, width, height }) => ({ name, width, height, used: used.includes(name) })), // prettier-ignore
  };
};

const newest = <T>(lines: readonly T[], line: T, kept: number): T[] => [...lines, line].slice(-kept); // prettier-ignore

/** Lines of the guard's events; the same event within a moment counts up the line before. */
function createGuardLines() {
  let lines: GuardLine[] = [];
  let isNew = false;
  return {
    add(event: GuardEvent) {
      const at = Date.now();
      const { rule, action, source, amount } = event;
      isNew = true;
      const last = lines.findLast((one) => one.source === source && one.rule === rule);
      if (last?.action !== action || at - last.at >= SAME) {
        const line = { at, rule, action, source, amount, text: describeEvent(event), times: 1 };
        lines = newest(lines, line, KEPT.guard);
        return;
      }
      last.times += 1;
      last.at = at;
      last.amount = Math.max(last.amount, amount);
    },
    /** The lines, if there are new ones since the last call. */
    take() {
      if (!isNew) return undefined;
      isNew = false;
      return lines;
    },
  };
}

/** A robot whose joints and commands are watched. */
function watchMotion(robot: Robot) {
  let measured: Float64Array | undefined;
  let target: Float64Array | undefined;
  let moved = false;
  return {
    robot: delegateRobot(robot, {
      observe(observer) {
        robot.observe({
          joints(state) {
            measured = state.position;
            moved = true;
            observer.joints(state);
          },
          frame: (frame) => observer.frame(frame),
        });
      },
      command(positions) {
        target = positions;
        robot.command(positions);
      },
    }),
    /** The joints as they are, if they were measured since the last call. */
    take(): Motion | undefined {
      if (!moved || !measured) return undefined;
      moved = false;
      return {
        at: Date.now(),
        measured: Float32Array.from(measured),
        ...(target && { target: Float32Array.from(target) }),
      };
    },
  };
}

/** An attempt as a label corrects it. */
function corrected({ judged: before, ...line }: AttemptLine, outcome: Outcome): AttemptLine {
  const judged = before ?? line.outcome;
  return { ...line, outcome, ...(judged !== outcome && { judged }) };
}

/** Judged attempts, without their versions while these are not to be known. */
function createAttempts(show: (lines: AttemptLine[]) => void) {
  let lines: AttemptLine[] = [];
  let isBlind = false;
  const showAll = () =>
    show(lines.map((line) => (line.blind ? { ...line, version: HIDDEN } : line)));
  return {
    add(line: AttemptLine) {
      lines = newest(lines, isBlind ? { ...line, blind: true } : line, KEPT.attempts);
      showAll();
    },
    relabel(episode: string, outcome: Outcome) {
      if (!lines.some((line) => line.episode === episode)) return;
      lines = lines.map((line) => (line.episode === episode ? corrected(line, outcome) : line));
      showAll();
    },
    blind(on: boolean) {
      isBlind = on;
      if (on) return;
      lines = lines.map((line) => ({ ...line, blind: false }));
      showAll();
    },
    versionOf: (version: string) => (isBlind ? HIDDEN : version),
    get isBlind() {
      return isBlind;
    },
  };
}

/** Shows a robot's motion, chunks and guard at the console, and the warnings of this process. `executeSteps` and `cameras` are the policy's. */
export function tapRobot(
  robot: Robot,
  console: Console,
  { executeSteps, cameras }: { executeSteps: number; cameras: readonly string[] },
): Tap {
  const motion = watchMotion(robot);
  const guardLines = createGuardLines();
  const attempts = createAttempts((lines) => console.publish('attempts', lines));
  let lines: LogLine[] = [];
  const log: Tap['log'] = (level, text) => {
    lines = newest(lines, { at: Date.now(), level, text }, KEPT.log);
    console.publish('log', lines);
  };
  const endWarnings = onWarning((text) => log('warn', text));
  const timer = setInterval(() => {
    const lines = guardLines.take();
    if (lines) console.publish('guard', lines);
    const moved = console.watched ? motion.take() : undefined;
    if (moved) console.publish('motion', moved);
  }, MOTION_PERIOD);
  return {
    robot: motion.robot,
    chunk({ index, observation, chunk, delay }) {
      const { actions, horizon, policyVersion, timing, view } = chunk;
      console.publish('chunk', {
        at: Date.now(),
        index,
        version: attempts.versionOf(policyVersion),
        rows: actions,
        horizon,
        delay,
        joined: chunk.joined !== undefined,
        executeSteps,
        age: Number(robot.clock.now() - observation.joints.stamp) / 1e6,
        latency: timing.total,
        // Where it looks would tell which of two versions plays.
        ...(view &&
          !attempts.isBlind && {
            view: Object.fromEntries(
              cameras.map((camera, i) => [camera, [...viewOfCamera(view, i)] as [number, number]]),
            ),
          }),
      });
    },
    guarded: (event) => guardLines.add(event),
    attempt: (line) => attempts.add(line),
    relabel: (episode, outcome) => attempts.relabel(episode, outcome),
    blind: (on) => attempts.blind(on),
    log,
    close() {
      clearInterval(timer);
      endWarnings();
    },
  };
}
