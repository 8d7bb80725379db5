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
  close(): void;
}

const listed = (joints: readonly string[]) => joints.join(', ');

const isNear = (heard: number) => performance.now() - heard < LONGEST_SILENCE;

/** Knows robots by name, and lets in only those that fit. */
export function openRobots({ base, embodiment, onRobots, log }: LearnerEndOptions): Robots {
  const known = new Map<string, Known>();
  let told = '';
  /** Says who is there, where that has changed. */
  const tell = () => {
    const names = [...known].filter(([, { heard }]) => isNear(heard)).map(([name]) => name);
    if (names.sort().join() === told) return;
    told = names.join();
    onRobots(names);
  };
  const look = setInterval(tell, LONGEST_SILENCE);

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
    return other !== undefined && other.instance !== instance && isNear(other.heard);
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
      tell();
      return why;
    },
    takeHealth(robot, { instance, problem, isClosing }) {
      const self = known.get(robot);
      if (self?.instance !== instance) return;
      if (isClosing) {
        known.delete(robot);
        return tell();
      }
      self.heard = performance.now();
      if (problem !== null && problem !== self.problem) log(`the robot ${robot}: ${problem}`);
      self.problem = problem;
    },
    takeEvent(robot, event) {
      if (event.kind === 'notTaken')
        log(`the robot ${robot} did not take the adapter ${event.version}: ${event.why}`);
    },
    close: () => clearInterval(look),
  };
}
