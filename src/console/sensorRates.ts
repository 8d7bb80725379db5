import { delegateRobot } from '../robot/delegates.ts';
import type { Clock, Robot } from '../robot/robot.ts';
import type { SensorLine } from './protocol.ts';

/** What has come from a sensor. */
interface Count {
  messages: number;
  /** Nanoseconds of the robot's clock. */
  stamp: bigint;
}

/** Sensors that are counted. */
export interface SensorRates {
  /** Counts a message, stamped in nanoseconds of the robot's clock. */
  count: (name: string, stamp: bigint) => void;
  /**
   * The rate of each since the call before, by the robot's clock; while that stands still, as a simulation between
   * attempts, the rates from before.
   */
  sensors: () => SensorLine[];
}

export function createSensorRates(clock: Clock): SensorRates {
  const counts = new Map<string, Count>();
  let from = clock.now();
  let shown: SensorLine[] = [];
  return {
    count: (name, stamp) =>
      void counts.set(name, { messages: (counts.get(name)?.messages ?? 0) + 1, stamp }),
    sensors() {
      const now = clock.now();
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

/** A robot whose sensors are counted. */
export function countSensors(robot: Robot): { robot: Robot } & Pick<SensorRates, 'sensors'> {
  const { count, sensors } = createSensorRates(robot.clock);
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
    sensors,
  };
}
