import type { LearnerEndOptions } from '../learner/learnerEnd.ts';
import type { Health, RobotEvent, RobotSelf } from './subjects.ts';

/** Milliseconds of silence after which a robot's name is free, by the monotonic clock. */
const LONGEST_SILENCE = 5000;

interface Known {
  instance: string;
  /** By `performance.now`. */
  heard: number;
  problem: string | null;
}

/** The robots of which a learner has heard. */
export interface Robots {
  /** Why a robot is not let in; undefined if it is. */
  greet(robot: string, self: RobotSelf): string | undefined;
  /** Why nothing of a robot is taken that says this of itself; undefined if it is. */
  objection(self: RobotSelf): string | undefined;
  refuse(whom: string, why: string): void;
  takeHealth(robot: string, health: Health): void;
  takeEvent(robot: string, event: RobotEvent): void;
}

const listed = (joints: readonly string[]) => joints.join(', ');

/** Knows robots by name, and lets in only those that fit. */
export function openRobots({ base, embodiment, log }: LearnerEndOptions): Robots {
  const known = new Map<string, Known>();

  const objection = (self: RobotSelf) => {
    if (self.base !== base)
      return `it plays the policy ${self.base}, this learner improves ${base}`;
    const joints = self.embodiment?.joints;
    if (embodiment && joints && listed(joints) !== listed(embodiment.joints))
      return `its joints are ${listed(joints)}; this learner's policy is for ${listed(embodiment.joints)}`;
    return undefined;
  };
  const isTaken = (robot: string, instance: string) => {
    const other = known.get(robot);
    return (
      other !== undefined &&
      other.instance !== instance &&
      performance.now() - other.heard < LONGEST_SILENCE
    );
  };
  const refuse = (whom: string, why: string) => log(`refused ${whom}: ${why}`);

  return {
    objection,
    refuse,
    greet(robot, self) {
      const why = isTaken(robot, self.instance)
        ? `another robot is connected as ${robot}; give each a name of its own, as in nats://NAME@HOST:PORT`
        : objection(self);
      if (why !== undefined) refuse(`the robot ${robot}`, why);
      else known.set(robot, { instance: self.instance, heard: performance.now(), problem: null });
      return why;
    },
    takeHealth(robot, { instance, problem, isClosing }) {
      const self = known.get(robot);
      if (self?.instance !== instance) return;
      if (isClosing) return void known.delete(robot);
      self.heard = performance.now();
      if (problem !== null && problem !== self.problem) log(`the robot ${robot}: ${problem}`);
      self.problem = problem;
    },
    takeEvent(robot, event) {
      if (event.kind === 'notTaken')
        log(`the robot ${robot} did not take the adapter ${event.version}: ${event.why}`);
    },
  };
}
