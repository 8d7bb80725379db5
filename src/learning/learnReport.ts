import type { LearnerEvent, Updated } from './events.ts';
import type { Displaced, PolicyMetrics, Race, ReuseMetrics } from './metrics.ts';
import type { Orders } from './orders.ts';
import type { RobotAttempts } from './versions.ts';
import { ticketName } from '../policy/ticketName.ts';
import { successInterval } from '../tensors/successRates.ts';
import { duration } from '../terminal/speaker.ts';

type CorrectedEvent = Extract<LearnerEvent, { event: 'corrected' }>;

const percent = (share: number) => `${(100 * share).toFixed(0)} %`;

/** A view camera by camera: right and down in hundredths of a picture. */
const describeView = (view: readonly number[]) =>
  Array.from({ length: view.length / 2 }, (_, i) =>
    view
      .slice(2 * i, 2 * i + 2)
      // Without a minus before a zero.
      .map((share) => (Math.round(1000 * share) / 10 + 0).toFixed(1))
      .join(' '),
  ).join(', ');

/** The largest displacement of an action, in standard deviations. */
function describeOffset(offset: readonly number[]): string {
  const sizes = offset.map(Math.abs);
  const largest = Math.max(...sizes);
  return `offset up to ${largest.toFixed(3)} (action ${sizes.indexOf(largest)})`;
}

/** Tickets that are named. */
const LEADERS = 4;

function describeRace({ ticket, running, standings }: Race): string[] {
  const leaders = standings
    .filter(({ attempts }) => attempts > 0)
    .slice(0, LEADERS)
    .map((one) => `${ticketName(one.ticket)} ${one.successes} of ${one.attempts}`);
  return [
    ...(ticket === undefined ? [] : [`chunks begin from ${ticketName(ticket)}`]),
    running > 1 ? `${running} tickets are still tried` : 'no other is tried any more',
    ...(leaders.length > 0 ? [`best so far ${leaders.join(', ')}`] : []),
  ];
}

function describePolicy(policy: PolicyMetrics): string[] {
  const { ratios, clipFraction, approxKl, stopped } = policy;
  return [
    `ratios ${ratios.least.toFixed(2)} to ${ratios.most.toFixed(2)}`,
    `${percent(clipFraction)} clipped`,
    `approximate KL ${approxKl.toPrecision(2)}`,
    ...(stopped ? [`ended early: ${stopped}`] : []),
  ];
}

function describePreferred({ before, after }: NonNullable<ReuseMetrics['preferred']>): string[] {
  const [ordered, margin] = [
    [before, after].map((one) => percent(one.ordered)),
    [before, after].map((one) => one.margin.toFixed(3)),
  ].map((two) => two.join(' to '));
  return [`successes are preferred in ${ordered} of ${before.pairs} pairs, with a margin of ${margin}`]; // prettier-ignore
}

/** What is said where attempts with what critics chose, or taught, succeeded less often. */
const REFUTED = {
  chose: 'what they chose succeeded less often, so they choose no more',
  steered: 'attempts with steered noise succeeded less often, so it is steered no more',
};

function describeReuse(reuse: ReuseMetrics): string[] {
  const { kept, candidates, steers, refuted, ranking, preferred, steered } = reuse;
  const ranked = ranking && [
    `of a success and a failure they rank ${percent(ranking.outcome)} rightly (50 % by chance)`,
    `and chunks beyond their state by ${ranking.advantage.toFixed(2)} (0 by chance)`,
  ];
  return [
    ...(ranked ? [ranked.join(', ')] : []),
    ...(preferred ? describePreferred(preferred) : []),
    ...(refuted ? [REFUTED[steers === undefined ? 'chose' : 'steered']] : []),
    ...(steered ? [`critics estimate that steered noise gains ${(100 * steered.gain).toFixed(1)} points of success, at a size of ${steered.size.toFixed(2)}`] : []), // prettier-ignore
    ...(steers ? ['the noise of chunks is steered'] : []),
    ...(candidates > 1 ? [`they choose each chunk from ${candidates} samples`] : []),
    `${kept} attempts are kept`,
  ];
}

/** Success of each robot, whatever versions it played. */
function describeRobots(cells: readonly RobotAttempts[]): string {
  const robots = [...new Set(cells.map(({ robot }) => robot))];
  const parts = robots.map((robot) => {
    const own = cells.filter((cell) => cell.robot === robot);
    const sum = (of: 'attempts' | 'successes') => own.reduce((all, cell) => all + cell[of], 0);
    return `${robot} ${sum('successes')} of ${sum('attempts')}`;
  });
  return `by robot ${parts.join(', ')}`;
}

const describePlace = ({ offset, view }: Displaced): string[] => [
  ...(offset ? [describeOffset(offset)] : []),
  ...(view ? [`view, right and down of each camera (${describeView(view)}) %`] : []),
];

function describeUpdate({ report, robots }: Updated): string {
  const {
    update,
    attempts,
    successes,
    critics,
    offset,
    view,
    own = {},
    race,
    policy,
    reuse,
  } = report;
  const [low, high] = successInterval({ attempts, successes });
  const parts = [
    `${successes} of ${attempts} attempts succeeded (${percent(successes / attempts)}, 95 % between ${percent(low)} and ${percent(high)})`,
    ...(robots ? [describeRobots(robots)] : []),
    ...(critics
      ? [`critics explain ${percent(critics.explainedVariance)} of the variance of returns`]
      : []),
    ...describePlace({ offset, view }),
    ...Object.entries(own).map(
      ([robot, place]) => `${robot} ${describePlace(place).join(' and ') || 'as it began'}`,
    ),
    ...(race ? describeRace(race) : []),
    ...(policy ? describePolicy(policy) : []),
    ...(reuse ? describeReuse(reuse) : []),
  ];
  return `update ${update}: ${parts.join(', ')}`;
}

const ENDED = { success: 'a success', failure: 'a failure', discarded: 'discarded' } as const;

function describeCorrection({ id, outcome, effect, version }: CorrectedEvent): string {
  const result = {
    counts: `it counts so for version ${version}, and what was learned from it stays`,
    waits: 'it has not been learned from yet',
    none: 'nothing changes: it was left out, or learned from before labels were counted',
  }[effect];
  return `${id} is labelled as ${ENDED[outcome]}: ${result}`;
}

/** An event in words. */
export function describeEvent(event: LearnerEvent): string {
  switch (event.event) {
    case 'published':
      return `${describeUpdate(event)}; version ${event.version} goes to the robot`;
    case 'warmed up':
      return `${describeUpdate(event)}; the critics learned, the policy stays as it is`;
    case 'unmoved':
      return `${describeUpdate(event)}; ${event.report.critics ? 'the critics learned, ' : ''}the policy stays as it is: ${event.reason}`;
    case 'kept back':
      return `${describeUpdate(event)}; version ${event.version} is kept back: ${event.reason}`;
    case 'rolled back':
      return event.by === undefined
        ? `version ${event.version} is worse than ${event.to} with a certainty above 95 %: taken back`
        : `${event.by} took version ${event.version} back: the robot plays ${event.to}`;
    case 'paused':
      return `${event.by} paused learning: no further update begins`;
    case 'resumed':
      return `${event.by} resumed learning`;
    case 'pinned':
      return event.robot === undefined
        ? `${event.by} pinned version ${event.version}: the robot plays it, and updates wait`
        : `${event.by} pinned version ${event.version} for ${event.robot}, which plays it; updates go on`;
    case 'released':
      return `${event.by} released version ${event.version}: ${event.robot ?? 'the robot'} plays the newest again`;
    case 'on trial':
      return `version ${event.version} is on trial at ${event.names.join(', ')}; updates wait`;
    case 'rolled out':
      return event.by === undefined
        ? `version ${event.version} was no worse on trial: it goes to all robots`
        : `${event.by} rolled version ${event.version} out: it goes to all robots`;
    case 'corrected':
      return describeCorrection(event);
    case 'failed':
      return `an update failed, its episodes are left out: ${event.reason}`;
    case 'left out':
      return event.reason;
  }
}

/** Why no update begins, of what a person has ordered; undefined where nothing is in its way. */
export function describeHold({ paused, pinned }: Orders): string | undefined {
  if (paused) return `learning is paused by ${paused.by}`;
  return pinned && `updates wait: ${pinned.by} pinned version ${pinned.version}`;
}

/** Progress towards the next update, with an estimate from the rate of episodes so far. */
export function timeLeft(
  waiting: number,
  batch: number,
  seconds: number,
  received: number,
): string {
  const missing = Math.max(0, batch - waiting);
  const known = received > 0 ? `, about ${duration((seconds / received) * missing)} left` : '';
  return `${waiting} of ${batch} episodes for the next update${known}`;
}
