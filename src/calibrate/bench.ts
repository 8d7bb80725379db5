import { UserError } from '../errors.ts';
import type { Calibration } from '../robot/calibration.ts';
import { toDriver } from '../robot/driverAngles.ts';
import type { CameraFrame, SensingRobot } from '../robot/robot.ts';
import { untilAborted } from '../control/abort.ts';
import { Ended, type Dialogue } from '../terminal/dialogue.ts';

/** Drivers' angles [joints], rad, at `stamp` (ns of the robot's clock). */
export interface AngleRow {
  stamp: bigint;
  angles: Float64Array;
}

/** Takes what is sensed while it listens. */
export interface Listener {
  angles?(row: AngleRow): void;
  frame?(frame: CameraFrame): void;
}

/** What a move asks of a person; joints by their index. */
export type Move =
  | { kind: 'joint'; joint: number }
  | { kind: 'gripper'; joint: number; opening: 0 | 1 }
  | { kind: 'jerks'; seconds: number };

/** Whoever moves the torque-free arms. */
export interface Person {
  /** Asks for the move that `instruction` describes; false if the person declines. */
  make(move: Move, instruction: string, live: () => string): Promise<boolean>;
  /** Asks what to do about an unexpected move, which `finding` describes. */
  decide(finding: string, mayKeep: boolean): Promise<'again' | 'keep' | 'skip'>;
}

/** What a robot and a person bring to its calibration. */
export interface Bench {
  robot: SensingRobot;
  /** As the robot is read. */
  calibration: Calibration;
  person: Person;
  dialogue: Dialogue;
  signal: AbortSignal;
  /** The newest drivers' angles [joints], rad; undefined before the first, which `awaitAngles` awaits. */
  angles(): Float64Array | undefined;
  /** Forwards measurements to a listener until the returned function is called. */
  listen(listener: Listener): () => void;
  /** Lets the robot's time go by. Throws `Ended` at Ctrl-C. */
  wait(seconds: number): Promise<void>;
}

export interface BenchParts {
  robot: SensingRobot;
  calibration: Calibration;
  dialogue: Dialogue;
  signal: AbortSignal;
  person: Person;
}

/** Lets a robot's time go by. Throws `Ended` at Ctrl-C. */
export async function letPass(
  { clock }: SensingRobot,
  seconds: number,
  signal: AbortSignal,
): Promise<void> {
  const { orAborted, forget } = untilAborted(signal);
  const due = clock.now() + BigInt(Math.round(seconds * 1e9));
  await orAborted(clock.until(due)).finally(forget);
  if (signal.aborted) throw new Ended();
}

/** s for joint states to begin, and between two checks for them. */
const PATIENCE = 5;
const LOOK = 0.02;

/** Waits for the first joint states. Throws a UserError where none come. */
export async function awaitAngles(bench: Bench): Promise<void> {
  for (let waited = 0; !bench.angles(); waited += LOOK) {
    if (waited > PATIENCE)
      throw new UserError('no joint states come; check that the drivers of all arms are running', {
        kind: 'unreachable',
      });
    await bench.wait(LOOK);
  }
}

/** Sets a robot up for its calibration, and observes it. */
export function createBench(parts: BenchParts): Bench {
  const { robot, calibration, signal } = parts;
  const arms = calibration.joints.map(({ arm }) =>
    calibration.arms.find(({ name }) => name === arm)!,
  );
  const listeners = new Set<Listener>();
  let newest: Float64Array | undefined;
  robot.observe({
    joints({ stamp, position }) {
      const angles = Float64Array.from(calibration.joints, (joint, i) =>
        toDriver(arms[i], joint, position[i]),
      );
      newest = angles;
      for (const listener of listeners) listener.angles?.({ stamp, angles });
    },
    frame(frame) {
      for (const listener of listeners) listener.frame?.(frame);
    },
  });
  return {
    ...parts,
    angles: () => newest,
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    wait: (seconds) => letPass(robot, seconds, signal),
  };
}
