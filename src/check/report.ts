import { UNITS } from '../robot/embodiment.ts';
import type { Finding } from '../console/protocol.ts';
import type { Misfit, RobotCase } from './case.ts';
import { type Examined, countOf } from './examine.ts';
import { farthestFirstMove } from './fitMotion.ts';

const firstMove = (fit: RobotCase) => fit.chunk && farthestFirstMove({ ...fit, chunk: fit.chunk });

/** What was examined, one line per item. */
function summary(fit: RobotCase): string[] {
  const { joints } = fit.robot;
  const cameras = fit.pictures.map(({ camera }) => camera);
  const move = firstMove(fit);
  return [
    `${joints.length} joints in order, ${joints[0].name} to ${joints[joints.length - 1].name}`,
    `${cameras.length} ${cameras.length === 1 ? 'camera' : 'cameras in order'}: ${cameras.join(', ')}`,
    fit.chunk === undefined
      ? 'no chunk was sampled: what is missing must be mended first'
      : move
        ? `first tick moves at most ${move.distance.toFixed(2)} ${UNITS[move.kind]} (${move.joint})`
        : 'first tick moves nothing by a finite number',
  ];
}

const GROUPS = [
  { severity: 'error', heading: 'Errors: do not run this' },
  { severity: 'warning', heading: 'Warnings: look at these first' },
  { severity: 'note', heading: 'Notes' },
] as const;

/** The comparison as lines for people: what was examined, then the misfits by severity. */
export function textReport({ bundle, label, fit, misfits }: Examined): string[] {
  const groups = GROUPS.flatMap(({ severity, heading }) => {
    const group = misfits.filter((misfit) => misfit.severity === severity);
    return group.length === 0
      ? []
      : [`\n${heading}`, ...group.map(({ message }) => `  ${message}`)];
  });
  return [
    `${bundle.name} ${bundle.version} on ${label}`,
    ...summary(fit).map((line) => `  ${line}`),
    ...groups,
    ...(countOf(misfits, 'error') === 0 ? ['\nThe policy fits the robot.'] : []),
  ];
}

/** The comparison for the console's page: the misfits, then what was examined. */
export const findingsOf = (misfits: readonly Misfit[], fit: RobotCase): Finding[] => [
  ...misfits.map(({ severity, subject, message }) => ({ severity, topic: subject, message })),
  { severity: 'ok', topic: 'examined', message: summary(fit).join('; ') },
];

/** The comparison in a sentence. */
export function verdictOf(misfits: readonly Misfit[]): string {
  const counts = (['error', 'warning'] as const).map((severity) => {
    const count = countOf(misfits, severity);
    return count === 1 ? `1 ${severity}` : `${count} ${severity}s`;
  });
  const fits = countOf(misfits, 'error') === 0;
  return `the policy ${fits ? 'fits' : 'does not fit'} the robot: ${counts.join(', ')}`;
}

/** JSON lines: each misfit as an object, then a summary. */
export function jsonReport({ bundle, fit, misfits }: Examined): string[] {
  const move = firstMove(fit);
  const summary = {
    policy: `${bundle.name} ${bundle.version}`,
    joints: fit.robot.joints.length,
    cameras: fit.pictures.map(({ camera }) => camera),
    firstMove: move ? { joint: move.joint, distance: move.distance } : null,
    errors: countOf(misfits, 'error'),
    warnings: countOf(misfits, 'warning'),
    notes: countOf(misfits, 'note'),
  };
  return [...misfits, { summary }].map((line) => JSON.stringify(line));
}
