import type { RuntimeAnswers } from '../../console/console.ts';
import type { LearnerEvent } from '../../learning/events.ts';
import { describeEvent } from '../../learning/learnReport.ts';
import type { Learner } from '../../learning/learner.ts';
import type { FleetOrder } from '../nats/fleet.ts';
import type { Distributor } from './distributor.ts';

/** What a person can do with a learner that runs; each order says what comes of it, or throws a `UserError`. */
export interface OrderFunctions {
  pauseLearning: (paused: boolean, by: string) => Promise<string>;
  pin: (version: string | null, by: string, robot?: string) => Promise<string>;
  rollOut: (version: string, by: string) => Promise<string>;
  rollBack: (version: string, by: string) => Promise<string>;
  /** Hears that a person labelled this episode in its folder. */
  relabelled: (id: string) => Promise<void>;
}

/** A learner, and who must hear of what is ordered of it. */
export interface OrderedLearner {
  learner: Learner;
  distributor: Distributor;
  /** Sends the robot the version that it is to play. */
  publish: () => Promise<void>;
  onEvent: (event: LearnerEvent) => void;
  /** Takes over the label of an episode in its folder. */
  relabel: (id: string) => Promise<void>;
  /** Has the learner look for something to do. */
  wake: () => void;
}

/** Takes orders for a learner: the robot gets the version that it is to play at once. */
export function orderFunctions(ordered: OrderedLearner) {
  const { learner, distributor, publish, onEvent, relabel, wake } = ordered;
  const carryOut = async (event: LearnerEvent) => {
    await publish();
    onEvent(event);
    wake();
    return describeEvent(event);
  };
  return {
    pauseLearning: async (paused, by) => carryOut(await learner.pause(paused, by)),
    pin: async (version, by, robot) =>
      carryOut(
        await (robot === undefined
          ? learner.pin(version, by)
          : learner.pinRobot(robot, version, by)),
      ),
    async rollOut(version, by) {
      const event = await distributor.rollOut(version, by);
      await publish();
      wake();
      return describeEvent(event);
    },
    async rollBack(version, by) {
      await learner.rollBack(version, by);
      await publish();
      wake();
      return `the robot goes back to version ${version}`;
    },
    async relabelled(id) {
      await relabel(id);
      wake();
    },
  } satisfies OrderFunctions;
}

/** Carries out what a person orders over the link; gives what came of it. Rejects with a `UserError` that says why not. */
export function obeyFleet(
  { pauseLearning, pin, rollBack, rollOut }: OrderFunctions,
  distributor: Pick<Distributor, 'named'>,
  { by, order }: FleetOrder,
): Promise<string> {
  switch (order.act) {
    case 'rollOut':
      return rollOut(distributor.named(order.version), by);
    case 'pin':
      return pin(distributor.named(order.version), by, order.robot);
    case 'release':
      return pin(null, by, order.robot);
    case 'rollBack':
      return rollBack(distributor.named(order.version), by);
    case 'pause':
    case 'resume':
      return pauseLearning(order.act === 'pause', by);
  }
}

/** Those of a page. */
export type PageOrders = Omit<OrderFunctions, 'rollOut' | 'relabelled'>;

/** A console's answers that pass orders on. */
export const orderAnswers = ({ pauseLearning, pin, rollBack }: PageOrders): RuntimeAnswers => ({
  pauseLearning: ({ paused }, by) => pauseLearning(paused, by),
  pin: ({ version }, by) => pin(version, by),
  rollBack: ({ version }, by) => rollBack(version, by),
});
