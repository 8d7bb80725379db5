import { UserError, unready } from '../errors.ts';
import { type LearnerEvent, logEvents } from './events.ts';
import type { Run } from './learnerFolder.ts';
import type { OrderBook, Orders } from './orders.ts';
import { lineOf } from './versions.ts';

/** What a person can order of a learner. An order is on the disk when it is answered; a kill loses none. */
export interface ByHand {
  /** Lets no further update begin, or goes on. */
  pause(paused: boolean, by: string): Promise<LearnerEvent>;
  /**
   * Has the robot play a version until another one or null is given; meanwhile updates wait. Throws a `UserError` for
   * a version that the learner does not have.
   */
  pin(version: string | null, by: string): Promise<LearnerEvent>;
  /** The same for one robot of a fleet; updates go on. Throws a `UserError`. */
  pinRobot(robot: string, version: string | null, by: string): Promise<LearnerEvent>;
  /**
   * Orders the way back to a version that the current one descends from: the robot is to play it at once, the
   * learner follows after the update that is under way. Throws a `UserError` for any other version.
   */
  rollBack(version: string, by: string): Promise<void>;
}

/** Takes a person's orders for the learner of a folder. */
export function takeOrders(folder: string, run: Run, orders: OrderBook): ByHand {
  const demandKnown = (version: string) => {
    if (!run.versions.some((known) => known.version === version))
      throw new UserError(`${folder} has no version ${version}; choose one that it has`, {
        kind: 'missing',
        subject: folder,
        fields: [version],
      });
  };
  const ordered = async (event: LearnerEvent, change: Partial<Orders>) => {
    await orders.change(() => change);
    await logEvents(folder, [event]);
    return event;
  };
  return {
    pause: (paused, by) =>
      ordered(
        { event: paused ? 'paused' : 'resumed', by },
        { paused: paused ? { by, at: Date.now() } : undefined },
      ),
    async pin(version, by) {
      if (version !== null) {
        demandKnown(version);
        const pinned = { version, by, at: Date.now() };
        return ordered({ event: 'pinned', version, by }, { pinned });
      }
      const before = orders.now.pinned;
      if (!before) throw unready('no version is pinned');
      return ordered({ event: 'released', version: before.version, by }, { pinned: undefined });
    },
    async pinRobot(robot, version, by) {
      const pinned = { ...orders.now.pinnedRobots };
      if (version !== null) {
        demandKnown(version);
        const pinnedRobots = { ...pinned, [robot]: { version, by, at: Date.now() } };
        return ordered({ event: 'pinned', version, by, robot }, { pinnedRobots });
      }
      const before = pinned[robot];
      if (!before)
        throw new UserError(`no version is pinned for ${robot}`, {
          kind: 'unready',
          fields: [robot],
        });
      delete pinned[robot];
      return ordered(
        { event: 'released', version: before.version, by, robot },
        { pinnedRobots: pinned },
      );
    },
    async rollBack(version, by) {
      demandKnown(version);
      const { pinned } = orders.now;
      if (pinned)
        throw new UserError(`version ${pinned.version} is pinned: release it before rolling back`, {
          kind: 'unready',
          fields: [pinned.version],
        });
      const [, ...ancestors] = lineOf(run.versions, run.current);
      if (!ancestors.some((known) => known.version === version))
        throw new UserError(
          `${run.current} does not descend from version ${version}; pin that version to have the robot play it`,
          { kind: 'mismatch', fields: [version] },
        );
      await orders.change(() => ({ rollBack: { version, by, at: Date.now() } }));
    },
  };
}
