import { UserError } from '../../errors.ts';
import { type Distribution, TRIAL_ATTEMPTS, attemptsWith, nextDistribution, readDistribution, writeDistribution } from '../../learning/distribution.ts'; // prettier-ignore
import { type LearnerEvent, logEvents } from '../../learning/events.ts';
import type { Learner } from '../../learning/learner.ts';
import { type RobotAttempts, lineOf } from '../../learning/versions.ts';
import { adapterVersion } from '../../policy/bundle/adapter.ts';
import type { Bundle } from '../../policy/bundle/config.ts';
import { createQueue } from '../../processes/queue.ts';
import { type FleetStatus, MOST_VERSIONS, type RobotStatus } from '../nats/fleet.ts';
import type { LearnerPort } from './learnerPort.ts';
import { movedFrom, placeReader } from './places.ts';
import type { Plan } from './plan.ts';

/** Has robots play the versions that they are to play. */
export interface Distributor {
  /** Looks who is to play what, and sends it. */
  follow(): Promise<void>;
  /** Hears which robots are there. */
  present(robots: readonly string[]): void;
  /** Ends the trial of a version: all robots play it. Throws a `UserError` for one that is on no trial. */
  rollOut(version: string, by: string): Promise<LearnerEvent>;
  /** Whether a version is on trial: no update begins meanwhile. */
  isTrying(): boolean;
  /** The learner's own name of a version, of which robots know the first as that of the policy as it came. */
  named(version: string): string;
  /** What there is to tell the fleet. */
  status(): Promise<FleetStatus>;
}

export interface DistributorOptions {
  folder: string;
  port: LearnerPort;
  learner: Learner;
  bundle: Bundle;
  batch: number;
  /** Whether a new version goes on trial first. */
  tries: boolean;
  onEvent: (event: LearnerEvent) => void;
}

/** The first version is that of the bundle itself: it goes out only where one is taken back to it. */
export const isOut = (learner: Learner): boolean => learner.versions().length > 1;

/** Opens it where its folder left off: without a trial all robots play what the learner says. */
export async function openDistributor(options: DistributorOptions): Promise<Distributor> {
  const { folder, learner } = options;
  const now = (await readDistribution(folder)) ?? { rest: learner.played().version };
  return new FleetDistributor(options, now);
}

class FleetDistributor implements Distributor {
  private readonly options: DistributorOptions;
  private readonly origin: string;
  private readonly first: string;
  private readonly inOrder = createQueue();
  private readonly placeIn: ReturnType<typeof placeReader>;
  private now: Distribution;
  private robots: readonly string[] = [];
  /** The plan that was sent last. */
  private sent = '';

  constructor(options: DistributorOptions, now: Distribution) {
    this.options = options;
    this.origin = adapterVersion(options.bundle);
    this.first = options.learner.versions()[0].version;
    this.now = now;
    this.placeIn = placeReader((version) => options.learner.held(version).file);
  }

  follow(): Promise<void> {
    const { learner } = this.options;
    return this.inOrder(async () => {
      if (!isOut(learner)) return;
      await this.judge(learner.played().version);
      await this.send();
    });
  }

  present(robots: readonly string[]): void {
    this.robots = robots;
  }

  rollOut(version: string, by: string): Promise<LearnerEvent> {
    return this.inOrder(async () => {
      if (this.now.trial?.version !== version)
        throw new UserError(
          `version ${this.shown(version)} is not on trial; pin a version to have robots play it, or roll back to it`,
          { kind: 'unready', fields: [version] },
        );
      await this.change({ rest: version });
      return this.log({ event: 'rolled out', version, by });
    });
  }

  isTrying(): boolean {
    return this.now.trial !== undefined;
  }

  named(version: string): string {
    return version === this.origin ? this.first : version;
  }

  async status(): Promise<FleetStatus> {
    const { learner, bundle, batch } = this.options;
    const { origin, first } = this;
    const shown = (version: string) => this.shown(version);
    const attempts = learner.byRobot().map((cell) => ({ ...cell, version: shown(cell.version) }));
    const { trial, rest } = this.now;
    const { paused } = learner.orders();
    return {
      learner: {
        ...{ base: bundle.base, origin, first, plays: shown(rest) },
        ...(trial && {
          trial: {
            ...{ version: shown(trial.version), robots: trial.robots, needed: TRIAL_ATTEMPTS },
            made: attemptsWith(attempts, shown(trial.version)).attempts,
          },
        }),
        pinned: this.pinned(),
        ...(paused && { paused: paused.by }),
        versions: learner
          .versions()
          .slice(-MOST_VERSIONS)
          .map(({ version, parent, rolledBack }) => ({
            ...{ version: shown(version), rolledBack },
            parent: parent === null ? null : shown(parent),
          })),
        ...{ waiting: learner.waiting(), batch, consumed: learner.consumed() },
      },
      robots: await this.placed(successOf(attempts)),
    };
  }

  /** Adds how far the version that each robot is to play has moved for it. */
  private async placed(success: FleetStatus['robots']): Promise<FleetStatus['robots']> {
    const begun = await this.placeIn(this.first);
    const toPlay = this.plan();
    const of = async ([robot, status]: [string, RobotStatus]) => {
      const now = await this.placeIn(toPlay.robots[robot] ?? toPlay.rest);
      const moved = movedFrom(begun, now, robot);
      return [robot, { ...status, ...(Object.keys(moved).length > 0 && { moved }) }] as const;
    };
    return Object.fromEntries(await Promise.all(Object.entries(success).map(of)));
  }

  /** As robots know a version. */
  private shown(version: string): string {
    return version === this.first ? this.origin : version;
  }

  /** Pins by robot; that of all as `*`. */
  private pinned(): FleetStatus['learner']['pinned'] {
    const { pinned, pinnedRobots = {} } = this.options.learner.orders();
    const pins = { ...pinnedRobots, ...(pinned && { '*': pinned }) };
    return Object.fromEntries(
      Object.entries(pins).map(([robot, { version, by }]) => [
        robot,
        { version: this.shown(version), by },
      ]),
    );
  }

  private async log(event: LearnerEvent): Promise<LearnerEvent> {
    await logEvents(this.options.folder, [event]);
    return event;
  }

  private async report(event: LearnerEvent): Promise<void> {
    this.options.onEvent(await this.log(event));
  }

  private async change(next: Distribution): Promise<void> {
    if (JSON.stringify(next) === JSON.stringify(this.now)) return;
    await writeDistribution(this.options.folder, next);
    this.now = next;
  }

  /** Puts a version on trial that was made from what all play, and judges the one that is; any other goes to all. */
  private async judge(version: string): Promise<void> {
    const { learner, tries } = this.options;
    const { pinned, rollBack } = learner.orders();
    const { rest, trial: before } = this.now;
    const isStep = lineOf(learner.versions(), version).some((known) => known.version === rest);
    if (!tries || pinned || rollBack || !isStep || version === rest)
      return this.change({ rest: version });
    const facts = { version, present: this.robots, attempts: learner.byRobot() };
    const next = nextDistribution(this.now, facts);
    if (next === 'worse') {
      await learner.rollBack(rest, `the trial at ${before!.robots.join(', ')}`);
      return this.change({ rest });
    }
    await this.change(next);
    const { trial } = next;
    if (trial && trial.robots.length !== before?.robots.length)
      await this.report({ event: 'on trial', version, names: trial.robots });
    if (!trial && before) await this.report({ event: 'rolled out', version });
  }

  /** Who is to play what. */
  private plan(): Plan {
    const { rest, trial } = this.now;
    const robots: Plan['robots'] = {};
    for (const robot of trial?.robots ?? []) robots[robot] = trial!.version;
    const { pinnedRobots = {} } = this.options.learner.orders();
    for (const [robot, { version }] of Object.entries(pinnedRobots)) robots[robot] = version;
    return { rest, robots };
  }

  /** Sends each version that is played, that of most robots last. */
  private async send(): Promise<void> {
    const { learner, port } = this.options;
    const plan = this.plan();
    const { rest, robots } = plan;
    const text = JSON.stringify(plan);
    if (text === this.sent) return;
    const others = Object.values(robots).filter((version) => version !== rest);
    for (const version of new Set([...others, rest])) {
      const { file, parent } = learner.held(version);
      const isKnown = parent !== null && parent !== this.first;
      await port.publish(file, isKnown ? parent : this.origin, plan);
    }
    this.sent = text;
  }
}

/** Success of each robot by version, the last versions. */
function successOf(attempts: readonly RobotAttempts[]): FleetStatus['robots'] {
  const robots = new Set(attempts.map(({ robot }) => robot));
  const of = (robot: string) =>
    attempts
      .filter((cell) => cell.robot === robot)
      .slice(-MOST_VERSIONS)
      .map(({ version, attempts, successes }) => ({ version, attempts, successes }));
  return Object.fromEntries([...robots].map((robot) => [robot, { success: of(robot) }]));
}
