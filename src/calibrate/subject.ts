import type { Calibration } from '../robot/calibration.ts';
import type { SensingRobot } from '../robot/robot.ts';
import type { Dialogue } from '../terminal/dialogue.ts';
import type { Person } from './bench.ts';

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

/** What a robot is opened for. */
export interface OpenOptions {
  calibration: Calibration;
  dialogue: Dialogue;
  signal: AbortSignal;
}
