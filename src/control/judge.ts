import { messageOf } from '../errors.ts';
import type { SuccessClassifier } from '../classifier/successClassifier.ts';
import { delegateClock, delegateRobot } from '../robot/delegates.ts';
import type { CameraFrame, Robot } from '../robot/robot.ts';

export interface JudgeOptions {
  /** Whether the robot's clock waits for a classification; false where its time advances by itself. */
  awaitLooks: boolean;
  /** Called once, at the first classification that fails. A failed classification counts as "no success". */
  onProblem: (text: string) => void;
}

/** Decides from a camera's frames whether an attempt has succeeded. */
export interface Judge {
  /** The robot to run the attempt with: it passes its frames to the judge. */
  robot: Robot;
  succeeded(): boolean;
}

/**
 * Has a classifier judge one attempt. From the first command on, it classifies one frame every `every` control
 * steps, one at a time. After `agree` consecutive positive frames the attempt has succeeded.
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
  let classifying: Promise<void> | undefined;
  let agreeing = 0;
  let succeeded = false;
  let reported = false;

  const classify = async (frame: CameraFrame) => {
    try {
      const agrees = (await classifier.probability(frame)) >= threshold;
      agreeing = agrees ? agreeing + 1 : 0;
      succeeded ||= agreeing >= agree;
    } catch (error) {
      agreeing = 0;
      if (!reported)
        onProblem(`the success classifier cannot look at ${camera}: ${messageOf(error)}`);
      reported = true;
    }
  };

  return {
    robot: delegateRobot(robot, {
      clock: delegateClock(robot.clock, {
        async until(stamp) {
          await robot.clock.until(stamp);
          if (awaitLooks) await classifying;
        },
      }),
      observe(observer) {
        robot.observe({
          joints: (state) => observer.joints(state),
          frame(frame) {
            observer.frame(frame);
            if (!began || classifying || frame.camera !== camera || frame.stamp < next) return;
            next = frame.stamp + interval;
            classifying = classify(frame).finally(() => (classifying = undefined));
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
