import { messageOf } from '../errors.ts';
import type { SuccessClassifier } from '../classifier/successClassifier.ts';
import { delegateClock, delegateRobot } from '../robot/delegates.ts';
import type { CameraFrame, Robot } from '../robot/robot.ts';

export interface JudgeOptions {
  /** Whether the robot's time waits for a look; never where it goes on by itself. */
  awaitLooks: boolean;
  /** Hears once of the first look that failed; such a look does not agree. */
  onProblem: (text: string) => void;
}

/** Who says whether an attempt has succeeded, from what its camera shows. */
export interface Judge {
  /** The robot as the judge looks on: the attempt is to be made with this one. */
  robot: Robot;
  succeeded(): boolean;
}

/**
 * Has a classifier judge one attempt, from its first command on: a look at a frame every so many control
 * steps, one at a time; when enough of them in a row agree, the attempt has succeeded.
 */
export function judge(
  robot: Robot,
  classifier: SuccessClassifier,
  { awaitLooks, onProblem }: JudgeOptions,
): Judge {
  const { camera, threshold, agree, every } = classifier;
  const interval = BigInt(Math.round((every * 1e9) / robot.embodiment.controlRate));
  let began = false;
  let next = 0n;
  let looking: Promise<void> | undefined;
  let agreeing = 0;
  let succeeded = false;
  let told = false;

  const look = async (frame: CameraFrame) => {
    try {
      const agrees = (await classifier.probability(frame)) >= threshold;
      agreeing = agrees ? agreeing + 1 : 0;
      succeeded ||= agreeing >= agree;
    } catch (error) {
      agreeing = 0;
      if (!told) onProblem(`the success classifier cannot look at ${camera}: ${messageOf(error)}`);
      told = true;
    }
  };

  return {
    robot: delegateRobot(robot, {
      clock: delegateClock(robot.clock, {
        async until(stamp) {
          await robot.clock.until(stamp);
          if (awaitLooks) await looking;
        },
      }),
      observe(observer) {
        robot.observe({
          joints: (state) => observer.joints(state),
          frame(frame) {
            observer.frame(frame);
            if (!began || looking || frame.camera !== camera || frame.stamp < next) return;
            next = frame.stamp + interval;
            looking = look(frame).finally(() => (looking = undefined));
          },
        });
      },
      command(positions) {
        began = true;
        robot.command(positions);
      },
    }),
    succeeded: () => succeeded,
  };
}
