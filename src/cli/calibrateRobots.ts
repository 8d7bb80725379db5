import { UserError } from '../errors.ts';
import { withSizes } from '../calibrate/arrivingSizes.ts';
import { type Calibration } from '../robot/calibration.ts';
import type { SensingRobot } from '../robot/robot.ts';
import { SIM_CALIBRATION } from '../sim/embodiment.ts';
import { simulatedAloha } from '../sim/simulatedAloha.ts';
import { simulatedDrivers } from '../sim/simulatedDrivers.ts';
import { simulatedHand } from '../sim/simulatedHand.ts';
import { type Person, letPass } from '../calibrate/bench.ts';
import { presentPerson, simulatedPerson } from '../calibrate/person.ts';
import type { Dialogue } from '../terminal/dialogue.ts';
import { loadCalibration } from '../robot/calibrationFile.ts';

/** A robot to be calibrated, and who moves it. */
export interface Subject {
  robot: SensingRobot;
  /** As it is read: as given, but with the size that each camera's images really have. */
  calibration: Calibration;
  label: string;
  person: Person;
  /** Makes it sense, once it is observed. */
  start: () => Promise<void>;
}

export interface OpenOptions {
  calibration: Calibration;
  dialogue: Dialogue;
  signal: AbortSignal;
  /** On a ROS robot: time comes from /clock. */
  simTime: boolean;
}

async function openSim({ calibration, dialogue, signal }: OpenOptions): Promise<Subject> {
  const built = await loadCalibration(SIM_CALIBRATION);
  const sizes = new Map(
    built.cameras.map(({ topic, width, height }) => [topic, { width, height }]),
  );
  const read = withSizes(calibration, sizes);
  const sim = await simulatedAloha({ task: 'transfer-cube' });
  const robot = simulatedDrivers({ sim, built, read });
  const names = built.joints.map(({ name }) => name);
  const jointAt = (joint: number) => {
    const { name } = read.joints[joint];
    if (!names.includes(name))
      throw new UserError(`${name}: the simulated robot has ${names.join(', ')}`);
    return names.indexOf(name);
  };
  return {
    robot,
    calibration: read,
    label: 'the simulated ALOHA, which a simulated person moves',
    person: simulatedPerson(dialogue, simulatedHand(sim, signal), jointAt),
    start: () => sim.reset(0),
  };
}

async function openRos({ calibration, dialogue, signal, simTime }: OpenOptions): Promise<Subject> {
  const { openRosSenses } = await import('../ros/calibrationNode.ts');
  const { robot, read } = await openRosSenses(calibration, { simTime, signal });
  return {
    robot,
    calibration: read,
    label: 'the robot; nothing is sent to its motors',
    person: presentPerson(dialogue, (seconds) => letPass(robot, seconds, signal)),
    start: () => Promise.resolve(),
  };
}

/** Opens the robot that `--robot` names. Throws a UserError where it is not there. */
export const OPENERS = { sim: openSim, ros: openRos } satisfies Record<
  string,
  (options: OpenOptions) => Promise<Subject>
>;
