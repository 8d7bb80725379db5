import type { RuntimeAnswers } from '../../console/console.ts';
import type { LearnerEvent } from '../../learning/events.ts';
import { describeEvent } from '../../learning/learnReport.ts';
import type { Learner } from '../../learning/learner.ts';

/** What a person can order of a learner that runs; each says what comes of it, or throws a `UserError`. */
export interface OrderFunctions {
  pauseLearning: (paused: boolean, by: string) => Promise<string>;
  pin: (version: string | null, by: string) => Promise<string>;
  rollBack: (version: string, by: string) => Promise<string>;
}

/** A learner, and who must hear of what is ordered of it. */
export interface OrderedLearner {
  learner: Learner;
  /** Sends the robot the version that it is to play. */
  publish: () => Promise<void>;
  onEvent: (event: LearnerEvent) => void;
  /** Has the learner look for something to do. */
  wake: () => void;
}

/** Takes orders for a learner: the robot gets the version that it is to play at once. */
export function orderFunctions({ learner, publish, onEvent, wake }: OrderedLearner) {
  const carryOut = async (event: LearnerEvent) => {
    await publish();
    onEvent(event);
    wake();
    return describeEvent(event);
  };
  return {
    pauseLearning: async (paused, by) => carryOut(await learner.pause(paused, by)),
    pin: async (version, by) => carryOut(await learner.pin(version, by)),
    async rollBack(version, by) {
      await learner.rollBack(version, by);
      await publish();
      wake();
      return `the robot goes back to version ${version}`;
    },
  } satisfies OrderFunctions;
}

/** A console's answers that pass orders on. */
export const orderAnswers = ({ pauseLearning, pin, rollBack }: OrderFunctions): RuntimeAnswers => ({
  pauseLearning: ({ paused }, by) => pauseLearning(paused, by),
  pin: ({ version }, by) => pin(version, by),
  rollBack: ({ version }, by) => rollBack(version, by),
});
