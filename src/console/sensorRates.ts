import { delegateRobot } from '../robot/delegates.ts';
import type { Robot } from '../robot/robot.ts';
import type { Figures } from './protocol.ts';

/** What has come from a sensor. */
interface Count {
  messages: number;
  /** Nanoseconds of the robot's clock. */
  stamp: bigint;
}

/**
 * A robot whose sensors are counted. `sensors` gives the rate of each since the call before, by the robot's clock;
 * while that stands still, as a simulation between attempts, the rates from before.
 */
export function countSensors(robot: Robot): { robot: Robot; sensors: () => Figures['sensors'] } {
  const counts = new Map<string, Count>();
  let from = robot.clock.now();
  let shown: Figures['sensors'] = [];
  const count = (name: string, stamp: bigint) =>
    counts.set(name, { messages: (counts.get(name)?.messages ?? 0) + 1, stamp });
  return {
    robot: delegateRobot(robot, {
      observe: (observer) =>
        robot.observe({
          joints(state) {
            count('joints', state.stamp);
            observer.joints(state);
          },
          frame(frame) {
            count(frame.camera, frame.stamp);
            observer.frame(frame);
          },
        }),
    }),
    sensors() {
      const now = robot.clock.now();
      const seconds = Number(now - from) / 1e9;
      if (seconds <= 0) return shown;
      shown = [...counts].map(([name, { messages, stamp }]) => ({
        name,
        rate: messages / seconds,
        age: Number(now - stamp) / 1e6,
      }));
      from = now;
      for (const one of counts.values()) one.messages = 0;
      return shown;
    },
  };
}
