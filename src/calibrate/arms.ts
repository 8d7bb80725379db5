import { fromDriver } from '../robot/driverAngles.ts';
import type { Findings } from './findings.ts';
import { nearestGripperSet } from '../robot/gripperSets.ts';
import { type Motion, judgeMotion } from './jointMotion.ts';
import { positiveDirection } from './positiveDirections.ts';
import type { Bench } from './bench.ts';

const signed = (value: number) => `${value < 0 ? '' : '+'}${value.toFixed(3)}`;

/** Indices of the joints of one kind. */
const jointsOf = ({ calibration }: Bench, kind: 'arm' | 'gripper') =>
  calibration.joints.flatMap((joint, index) => (joint.kind === kind ? [index] : []));

/** A joint's angle now as its driver and as the calibration has it. */
function liveLine(bench: Bench, index: number): string {
  const { calibration } = bench;
  const joint = calibration.joints[index];
  const arm = calibration.arms.find(({ name }) => name === joint.arm)!;
  const angle = bench.angles()?.[index] ?? NaN;
  const unit = joint.kind === 'arm' ? 'rad' : 'open';
  return `${joint.name}  driver ${signed(angle)} rad  calibrated ${signed(fromDriver(arm, joint, angle))} ${unit}`;
}

function describe(motion: Motion, asked: string, names: readonly string[]): string {
  switch (motion.seen) {
    case 'still':
      return `No joint moved by 0.2 rad or more: ${asked} was not measured.`;
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
  const instruction = `${joint.name}: ${positiveDirection(joint.joint)}, then through its whole range.`;
  for (;;) {
    const rows = [bench.angles()!];
    const stop = bench.listen({ angles: ({ angles }) => rows.push(angles) });
    const made = await person
      .make({ kind: 'joint', joint: asked }, instruction, () => liveLine(bench, asked))
      .finally(stop);
    if (!made) return;
    const motion = judgeMotion(rows, jointsOf(bench, 'arm'));
    if (motion.seen !== 'move' || motion.joint !== asked) {
      const decision = await person.decide(
        describe(motion, joint.name, names),
        motion.seen === 'move',
      );
      if (decision === 'again') continue;
      if (decision === 'skip' || motion.seen !== 'move') return;
    }
    const { direction: sign, range } = motion;
    findings.joints.set(joint.name, { moved: names[motion.joint], sign, range });
    const agrees = sign === joint.sign ? 'as calibrated' : `calibrated ${joint.sign}: flipped`;
    dialogue.say(
      `  sign ${sign} (${agrees}), driver ${signed(range[0])} to ${signed(range[1])} rad`,
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

async function measureGripper(bench: Bench, asked: number, findings: Findings): Promise<void> {
  const { calibration, dialogue, person } = bench;
  const names = calibration.joints.map(({ name }) => name);
  for (;;) {
    const open = await gripperEnd(bench, asked, 1);
    const closed = open && (await gripperEnd(bench, asked, 0));
    if (!closed) return;
    const motion = judgeMotion([open, closed], jointsOf(bench, 'gripper'));
    if (motion.seen !== 'move' || motion.joint !== asked) {
      const finding = describe(motion, names[asked], names);
      const decision = await person.decide(finding, motion.seen === 'move');
      if (decision === 'again') continue;
      if (decision === 'skip' || motion.seen !== 'move') return;
    }
    const { joint } = motion;
    const angles = { closed: closed[joint], open: open[joint] };
    findings.grippers.set(names[asked], { moved: names[joint], angles });
    const { set, distance, fits } = nearestGripperSet(angles);
    dialogue.say(
      `  closed ${signed(angles.closed)}, open ${signed(angles.open)} rad: ${fits ? 'the set' : 'no known set; nearest is'} ${set}, ${distance.toFixed(2)} rad off`,
    );
    return;
  }
}

/** Drivers' angles of the grippers' ends. */
export async function measureGrippers(bench: Bench, findings: Findings): Promise<void> {
  for (const joint of jointsOf(bench, 'gripper')) await measureGripper(bench, joint, findings);
}
