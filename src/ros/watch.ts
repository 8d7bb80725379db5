import { UserError } from '../errors.ts';
import type { CommandTopic } from './commands.ts';
import type { RosNode } from './rclnodejs.ts';
import type { RosRobot } from './rosRobot.ts';
import { mixedSource, problemOf, rivalOf } from './topics.ts';

/** Milliseconds between two checks. */
const LOOK = 200;
/** Looks in a row at which a topic has its problem: one broken message is none. */
const LASTING = 2;

export interface WatchOptions {
  node: RosNode;
  robot: RosRobot;
  /** By which the arms can be commanded. */
  commands: readonly CommandTopic[];
  /** Called with each lasting problem of a topic once. */
  onProblem: (problem: string) => void;
  /** Ends what moves the arms. */
  stop: (problem: UserError) => void;
}

/**
 * Looks at a robot's topics and at who else commands its arms, until the function it returns is called: what
 * is wrong at activation may also come to be wrong later.
 */
export function watchRobot({ node, robot, commands, onProblem, stop }: WatchOptions): () => void {
  const checks = new Map<string, number>();
  const look = () => {
    for (const count of robot.topics) {
      const { topic } = count;
      const problem = problemOf(count);
      const seen = problem === undefined ? 0 : (checks.get(topic) ?? 0) + 1;
      checks.set(topic, seen);
      if (problem === undefined || seen < LASTING) continue;
      if (seen === LASTING) onProblem(problem);
      stop(new UserError(problem, { kind: 'invalid', subject: topic }));
    }
    const other = rivalOf(node, commands) ?? mixedSource(node, robot);
    if (other) stop(other);
  };
  const timer = setInterval(look, LOOK);
  return () => clearInterval(timer);
}
