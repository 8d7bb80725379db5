import { fromDriver } from '../robot/driverAngles.ts';
import type { Findings } from './findings.ts';
import { UNITS } from '../robot/embodiment.ts';
import { type GripperEnds, nearestGripperSet } from '../robot/gripperSets.ts';
import { type Motion, judgeMotion, leastMoves } from './jointMotion.ts';
import { positiveDirection } from './positiveDirections.ts';
import type { Bench } from './bench.ts';

const signed = (value: number) => `${value < 0 ? '' : '+'}${value.toFixed(3)}`;

/** Indices of the grippers, or of the joints that move an arm. */
const jointsOf = ({ calibration }: Bench, part: 'arm' | 'gripper') =>
  calibration.joints.flatMap(({ kind }, index) =>
    (kind === 'gripper') === (part === 'gripper') ? [index] : [],
  );

/** The unit of a joint's driver. */
function driverUnit({ calibration }: Bench, index: number): 'rad' | 'm' {
  const { kind, arm } = calibration.joints[index];
  const { gripper } = calibration.arms.find(({ name }) => name === arm)!;
  const slides = kind === 'prismatic' || (kind === 'gripper' && gripper?.kind === 'prismatic');
  return slides ? 'm' : 'rad';
}

/** What a move of one of these joints showed. */
function judge(bench: Bench, rows: readonly ArrayLike<number>[], part: 'arm' | 'gripper'): Motion {
  return judgeMotion(rows, {
    joints: jointsOf(bench, part),
    least: leastMoves(bench.calibration),
  });
}

/** A joint's angle now as its driver and as the calibration has it. */
function liveLine(bench: Bench, index: number): string {
  const { calibration } = bench;
  const joint = calibration.joints[index];
  const arm = calibration.arms.find(({ name }) => name === joint.arm)!;
  const angle = bench.angles()?.[index] ?? NaN;
  const unit = joint.kind === 'gripper' ? 'open' : UNITS[joint.kind];
  return `${joint.name}  driver ${signed(angle)} ${driverUnit(bench, index)}  calibrated ${signed(fromDriver(arm, joint, angle))} ${unit}`;
}

/** What a move showed that was not the one of the joint `asked`. */
function describe(motion: Motion, bench: Bench, joint: number): string {
  const names = bench.calibration.joints.map(({ name }) => name);
  const asked = names[joint];
  switch (motion.seen) {
    case 'still':
      return `No joint moved by ${leastMoves(bench.calibration)[joint]} ${driverUnit(bench, joint)} or more: ${asked} was not measured.`;
    case 'unclear':
      return `${names[motion.joint]} and ${names[motion.companion]} moved together: move ${asked} alone.`;
    case 'move':
      return `${names[motion.joint]} moved, not ${asked}: they are swapped, or the wrong one was moved.`;
  }
}

/** Has one joint moved until it is measured or left. */
async function measureJoint(bench: Bench, asked: number, findings: Findings): Promise<void> {
  const { calibration, dialogue, person } = bench;
  const names = calibration.joints.map(({ name }) => name);
  const joint = calibration.joints[asked];
  const instruction = `${joint.name}: ${joint.positive ?? positiveDirection(joint.joint)}, then through its whole range.`;
  for (;;) {
    const rows = [bench.angles()!];
    const stop = bench.listen({ angles: ({ angles }) => rows.push(angles) });
    const made = await person
      .make({ kind: 'joint', joint: asked }, instruction, () => liveLine(bench, asked))
      .finally(stop);
    if (!made) return;
    const motion = judge(bench, rows, 'arm');
    if (motion.seen !== 'move' || motion.joint !== asked) {
      const decision = await person.decide(describe(motion, bench, asked), motion.seen === 'move');
      if (decision === 'again') continue;
      if (decision === 'skip' || motion.seen !== 'move') return;
    }
    const { direction: sign, range } = motion;
    findings.joints.set(joint.name, { moved: names[motion.joint], sign, range });
    const agrees = sign === joint.sign ? 'as calibrated' : `calibrated ${joint.sign}: flipped`;
    dialogue.print(
      `  sign ${sign} (${agrees}), driver ${signed(range[0])} to ${signed(range[1])} ${driverUnit(bench, asked)}`,
    );
    return;
  }
}

/** Signs and ranges of the arms' joints, one after the other. */
export async function measureJoints(bench: Bench, findings: Findings): Promise<void> {
  for (const joint of jointsOf(bench, 'arm')) await measureJoint(bench, joint, findings);
}

/** s over which a gripper's end is averaged. */
const GRIPPER_SPAN = 0.2;

/** Mean drivers' angles [joints], rad, of a moment. */
async function meanAngles(bench: Bench): Promise<Float64Array> {
  const rows = [bench.angles()!];
  const stop = bench.listen({ angles: ({ angles }) => rows.push(angles) });
  await bench.wait(GRIPPER_SPAN).finally(stop);
  return rows[0].map((_, joint) => rows.reduce((sum, row) => sum + row[joint], 0) / rows.length);
}

/** The angles of all at an end of one gripper; undefined where the person will not. */
async function gripperEnd(bench: Bench, joint: number, opening: 0 | 1) {
  const { name } = bench.calibration.joints[joint];
  const instruction = `${name}: ${opening === 1 ? 'open it fully.' : 'now close it fully.'}`;
  const live = () => liveLine(bench, joint);
  const made = await bench.person.make({ kind: 'gripper', joint, opening }, instruction, live);
  return made ? meanAngles(bench) : undefined;
}

/** The constant set nearest to a gripper's ends, in words. */
function nearestSet(ends: GripperEnds): string {
  const { set, distance, fits } = nearestGripperSet(ends);
  return `${fits ? 'the set' : 'no known set; nearest is'} ${set}, ${distance.toFixed(2)} rad off`;
}

async function measureGripper(bench: Bench, asked: number, findings: Findings): Promise<void> {
  const { calibration, dialogue, person } = bench;
  const names = calibration.joints.map(({ name }) => name);
  for (;;) {
    const open = await gripperEnd(bench, asked, 1);
    const closed = open && (await gripperEnd(bench, asked, 0));
    if (!closed) return;
    const motion = judge(bench, [open, closed], 'gripper');
    if (motion.seen !== 'move' || motion.joint !== asked) {
      const finding = describe(motion, bench, asked);
      const decision = await person.decide(finding, motion.seen === 'move');
      if (decision === 'again') continue;
      if (decision === 'skip' || motion.seen !== 'move') return;
    }
    const { joint } = motion;
    const angles = { closed: closed[joint], open: open[joint] };
    findings.grippers.set(names[asked], { moved: names[joint], angles });
    const unit = driverUnit(bench, asked);
    const ends = `closed ${signed(angles.closed)}, open ${signed(angles.open)} ${unit}`;
    dialogue.print(`  ${ends}${unit === 'rad' ? `: ${nearestSet(angles)}` : ''}`);
    return;
  }
}

/** Drivers' angles of the grippers' ends. */
export async function measureGrippers(bench: Bench, findings: Findings): Promise<void> {
  for (const joint of jointsOf(bench, 'gripper')) await measureGripper(bench, joint, findings);
}
