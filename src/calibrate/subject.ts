import type { Calibration } from '../robot/calibration.ts';
import type { SensingRobot } from '../robot/robot.ts';
import type { Dialogue } from '../terminal/dialogue.ts';
import type { Listener, Person } from './bench.ts';

/** A robot to be calibrated, and who moves it. */
export interface Subject {
  robot: SensingRobot;
  /** The calibration to begin with, with the topics that were found. */
  found: Calibration;
  /** As it is read: as given, but with the size that each camera's images really have. */
  calibration: Calibration;
  label: string;
  person: Person;
  /** Makes it sense, once it is observed. */
  start: () => Promise<void>;
}

/** What a robot is opened for. */
export interface OpenOptions {
  calibration: Calibration;
  dialogue: Dialogue;
  /** Gives what hears all that the robot senses, to show it. */
  watch?: (robot: SensingRobot) => Listener;
  signal: AbortSignal;
}
