import { totalOf, withInterval } from '../../tensors/successRates.ts';
import { duration } from '../../terminal/speaker.ts';
import type { FleetRobot, Success } from '../../console/protocol.ts';
import { farthest } from '../../tensors/farthest.ts';
import type { Fleet } from './fleetState.ts';

const whole = (share: number) => (100 * share).toFixed(0);

/** `12 of 16, 51–90 %`: the rate's 95 % interval. */
const rateOf = ({ attempts, successes, interval: [low, high] }: Success): string =>
  attempts === 0 ? '–' : `${successes} of ${attempts}, ${whole(low)}–${whole(high)} %`;

/** Rows of equal columns, the first of them a heading. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]))
      .join('  ')
      .trimEnd(),
  );
}

const since = (time: string | undefined) =>
  time === undefined ? 'never' : `${duration(Math.max(0, (Date.now() - Date.parse(time)) / 1000))} ago`; // prettier-ignore

const ROBOTS = ['robot', 'heard', 'plays', 'is to play', 'success with it', 'all attempts', 'view moved', 'offset', 'waits', 'last problem']; // prettier-ignore

function robotRow(robot: FleetRobot): string[] {
  const { name, isThere, lastHeard, plays, wanted, pinnedBy, isOnTrial, success, moved } = robot;
  const why = pinnedBy !== undefined ? ` (pinned by ${pinnedBy})` : isOnTrial ? ' (on trial)' : '';
  return [
    name,
    isThere ? 'now' : since(lastHeard),
    plays ?? '–',
    `${wanted ?? '–'}${why}`,
    rateOf(withInterval(totalOf(success.filter(({ version }) => version === plays)))),
    rateOf(withInterval(totalOf(success))),
    moved?.view ? `${(100 * farthest(moved.view)).toFixed(1)} %` : '–',
    moved?.offset ? farthest(moved.offset).toFixed(3) : '–',
    robot.waiting === undefined ? '–' : String(robot.waiting),
    robot.problem ?? '',
  ];
}

function learnerLines({ learner, waiting }: Fleet): string[] {
  const { isThere, lastHeard, status } = learner;
  const presence = isThere ? 'is there' : `is not there, heard ${since(lastHeard)}`;
  const server = `${waiting} episodes wait on the server`;
  if (!status) return [`The learner ${presence}; ${server}.`];
  const { paused, trial, pinned, plays } = status;
  const everybody = pinned['*'];
  return [
    `The learner ${presence}: ${status.waiting} of ${status.batch} episodes for the next update; ${server}.`,
    ...(paused === undefined ? [] : [`${paused} paused it: no update begins.`]),
    ...(everybody ? [`${everybody.by} pinned version ${everybody.version} for all robots: updates wait.`] : []), // prettier-ignore
    ...(trial
      ? [
          `Version ${trial.version} is on trial at ${trial.robots.join(', ')}, after ${trial.made} of ${trial.needed} attempts; the others play ${plays}.`,
        ]
      : []),
  ];
}

/** A fleet as lines of text. */
export function fleetReport(fleet: Fleet): string[] {
  const { robots, versions } = fleet;
  const rows = versions.map((version) => [
    version.version,
    version.parent ?? '–',
    String(robots.filter(({ plays }) => plays === version.version).length),
    rateOf(version),
    version.rolledBack ? 'taken back' : '',
  ]);
  return [
    ...learnerLines(fleet),
    ...(robots.length > 0 ? ['', ...table([ROBOTS, ...robots.map(robotRow)])] : []),
    ...(rows.length > 0
      ? ['', ...table([['version', 'made from', 'robots', 'success', ''], ...rows])]
      : []),
  ];
}
