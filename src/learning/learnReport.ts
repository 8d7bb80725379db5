import type { LearnerEvent } from './learner.ts';
import type { FpoReport } from './fpo/report.ts';
import { successInterval } from './versions.ts';
import { duration } from '../terminal/speaker.ts';

const percent = (share: number) => `${(100 * share).toFixed(0)} %`;

/** Where a policy looks, camera by camera: right and down in hundredths of a picture. */
const looks = (view: readonly number[]) =>
  Array.from({ length: view.length / 2 }, (_, i) =>
    view
      .slice(2 * i, 2 * i + 2)
      .map((share) => (100 * share).toFixed(1))
      .join(' '),
  ).join(', ');

function progressOf({ attempts, successes, critics, view, policy }: FpoReport): string {
  const [low, high] = successInterval({ attempts, successes });
  return [
    `${successes} of ${attempts} attempts succeeded (${percent(successes / attempts)}, 95 % between ${percent(low)} and ${percent(high)})`,
    `critics foretold ${percent(Math.max(0, critics.foretold))}`,
    ...(view ? [`looks at (${looks(view)}) %`] : []),
    ...(policy
      ? [
          `ratios ${policy.ratios.least.toFixed(2)} to ${policy.ratios.most.toFixed(2)}`,
          `${percent(policy.clipShare)} clipped`,
          `drift ${policy.drift.toPrecision(2)}`,
          ...(policy.stopped ? [`ended early: ${policy.stopped}`] : []),
        ]
      : []),
  ].join(', ');
}

/** An event in words. */
export function describeEvent(event: LearnerEvent): string {
  switch (event.event) {
    case 'published':
      return `update ${event.report.update}: ${progressOf(event.report)}; version ${event.version} goes to the robot`;
    case 'warmed up':
      return `update ${event.report.update}: ${progressOf(event.report)}; the critics learned, the policy stays as it is`;
    case 'unmoved':
      return `update ${event.report.update}: ${progressOf(event.report)}; the critics learned, the policy stays as it is: ${event.reason}`;
    case 'kept back':
      return `update ${event.report.update}: ${progressOf(event.report)}; version ${event.version} is kept back: ${event.reason}`;
    case 'rolled back':
      return `version ${event.version} is worse than ${event.to} with a certainty above 95 %: taken back`;
    case 'failed':
      return `an update failed, its episodes are left out: ${event.reason}`;
    case 'left out':
      return event.reason;
  }
}

/** How long the next update will be in coming, by the pace of the episodes so far. */
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
