import {
  type Arm,
  type CalibratedCamera,
  type CalibratedJoint,
  type Calibration,
  type Gripper,
} from '../robot/calibration.ts';
import { cropFits } from '../robot/crop.ts';
import { statesTopic } from '../robot/driverTopics.ts';
import { UNITS } from '../robot/embodiment.ts';
import type { Findings, JointFinding } from './findings.ts';
import {
  GRIPPER_SETS,
  type GripperEnds,
  gripperSetOf,
  nearestGripperSet,
} from '../robot/gripperSets.ts';

/** A calibration with what was found put right, and what that changes, a line each. */
export interface Correction {
  calibration: Calibration;
  changes: string[];
  /** What was found and is left to the person. */
  remarks: string[];
}

type Step = (given: Calibration, findings: Findings) => Correction;

/** Fewest digits that say a measured figure. */
const rounded = (value: number, digits: number) => Number(value.toFixed(digits));
const RAD = 4;
const METRES = 5;

const jointNamed = (joints: readonly CalibratedJoint[], name: string) =>
  joints.find((joint) => joint.name === name)!;

/** Arms whose requested joints all moved on one other arm, with that arm; `unclear` if only some did. */
function movedArms({ joints }: Calibration, { joints: found, grippers }: Findings) {
  const armOf = (name: string) => jointNamed(joints, name).arm;
  const seen = new Map<string, Set<string>>();
  for (const [asked, { moved }] of [...found, ...grippers]) {
    const arms = seen.get(armOf(asked)) ?? new Set();
    seen.set(armOf(asked), arms.add(armOf(moved)));
  }
  const pairs = [...seen].map(([arm, others]) => ({ arm, others: [...others] }));
  return {
    exchanged: pairs.filter(({ arm, others }) => others.length === 1 && others[0] !== arm),
    unclear: pairs.filter(({ others }) => others.length > 1),
  };
}

/** The difference between two drivers, in words. */
const driverChange = (arm: Arm, source: Arm): string =>
  arm.namespace === source.namespace
    ? `states ${statesTopic(arm)} → ${statesTopic(source)}`
    : `namespace ${arm.namespace || '/'} → ${source.namespace || '/'}`;

/** An arm with another one's driver: what it is reached by, and what its gripper's positions mean. */
function withDriverOf({ name, base, chain }: Arm, source: Arm): Arm {
  const driver = { ...source };
  delete driver.chain;
  return { ...driver, name, base, ...(chain && { chain }) };
}

/** Assigns to each arm the driver that moved when that arm was requested. */
const exchangeArms: Step = (given, findings) => {
  const { exchanged, unclear } = movedArms(given, findings);
  const remarks = unclear.map(
    ({ arm, others }) =>
      `joints of ${arm} moved on ${others.join(' and ')}: the arms are left as they are; measure them again`,
  );
  if (exchanged.length === 0) return { calibration: given, changes: [], remarks };
  const sources = new Map<string, string>();
  for (const { arm, others } of exchanged)
    if (!sources.has(arm)) sources.set(arm, others[0]).set(others[0], arm);
  const changes: string[] = [];
  const arms = given.arms.map((arm): Arm => {
    const source = given.arms.find(({ name }) => name === sources.get(arm.name));
    if (!source) return arm;
    changes.push(`${arm.name}: ${driverChange(arm, source)}`);
    return withDriverOf(arm, source);
  });
  return { calibration: { ...given, arms }, changes, remarks };
};

/** Whether each arm still has each of its driver's joints once. */
const areDistinct = (joints: readonly CalibratedJoint[]) =>
  new Set(joints.map(({ arm, joint }) => `${arm} ${joint}`)).size === joints.length;

/** Assigns to each joint the driver's joint that moved when that joint was requested. */
const exchangeJoints: Step = (given, findings) => {
  const changes: string[] = [];
  const joints = given.joints.map((joint) => {
    const finding = findings.joints.get(joint.name);
    const source = finding && jointNamed(given.joints, finding.moved).joint;
    if (source === undefined || source === joint.joint) return joint;
    changes.push(`${joint.name}: joint ${joint.joint} → ${source}`);
    return { ...joint, joint: source };
  });
  if (areDistinct(joints)) return { calibration: { ...given, joints }, changes, remarks: [] };
  const remarks = changes.map(
    (change) => `${change} seems right, but then two would share a driver's joint: left as it is`,
  );
  return { calibration: given, changes: [], remarks };
};

/** Positions visited, rad, least first. */
function visited({ sign, offset }: CalibratedJoint, { range }: JointFinding): [number, number] {
  const [a, b] = range.map((angle) => rounded(sign * angle + offset, RAD));
  return a < b ? [a, b] : [b, a];
}

/** Signs; the angle at which a joint stands at zero stays. */
const correctSigns: Step = (given, findings) => {
  const changes: string[] = [];
  const remarks: string[] = [];
  const joints = given.joints.map((joint) => {
    const finding = findings.joints.get(joint.name);
    if (!finding) return joint;
    const flipped = finding.sign !== joint.sign;
    if (flipped) changes.push(`${joint.name}: sign ${joint.sign} → ${finding.sign}`);
    const right: CalibratedJoint = flipped
      ? { ...joint, sign: finding.sign, offset: joint.offset === 0 ? 0 : -joint.offset }
      : joint;
    const [least, greatest] = visited(right, finding);
    if (least < right.lower || greatest > right.upper)
      remarks.push(
        `${joint.name} was at ${least} to ${greatest} ${UNITS[joint.kind]}, outside its limits ${right.lower} to ${right.upper}: check its offset, or widen them`,
      );
    return right;
  });
  return { calibration: { ...given, joints }, changes, remarks };
};

/** A gripper's ends as a calibration file has them. */
const gripperText = (ends: GripperEnds): string =>
  gripperSetOf(ends) ?? `{ closed: ${ends.closed}, open: ${ends.open} }`;

const roundedEnds = ({ closed, open }: GripperEnds, digits: number): GripperEnds => ({
  closed: rounded(closed, digits),
  open: rounded(open, digits),
});

/** The ends that a gripper of this kind has as it was measured: a constant set's, if they are near enough. */
function correctEnds({ kind }: Gripper, measured: GripperEnds): GripperEnds {
  if (kind === 'prismatic') return roundedEnds(measured, METRES);
  const { set, fits } = nearestGripperSet(measured);
  return fits ? GRIPPER_SETS[set] : roundedEnds(measured, RAD);
}

/** What is written down of a gripper's measured ends. */
function gripperFigures({ kind }: Gripper, measured: GripperEnds): Record<string, unknown> {
  if (kind === 'prismatic') return { ...roundedEnds(measured, METRES) };
  const { set, distance } = nearestGripperSet(measured);
  return { ...roundedEnds(measured, RAD), nearest: set, distance: rounded(distance, RAD) };
}

const correctGrippers: Step = (given, { grippers }) => {
  const changes: string[] = [];
  const arms = given.arms.map((arm) => {
    const asked = given.joints.find(({ kind, arm: of }) => kind === 'gripper' && of === arm.name);
    const finding = asked && grippers.get(asked.name);
    if (!finding || !arm.gripper) return arm;
    const gripper = { ...arm.gripper, ...correctEnds(arm.gripper, finding.angles) };
    const [before, after] = [gripperText(arm.gripper), gripperText(gripper)];
    if (before !== after) changes.push(`${arm.name}: gripper ${before} → ${after}`);
    return { ...arm, gripper };
  });
  return { calibration: { ...given, arms }, changes, remarks: [] };
};

/** Gives each camera's name the images that the person said are its. */
const correctCameras: Step = (given, findings) => {
  const changes: string[] = [];
  const remarks: string[] = [];
  const cameras = given.cameras.map((camera): CalibratedCamera => {
    const [from, found] = [...findings.cameras].find(([, { name }]) => name === camera.name) ?? [];
    const source = given.cameras.find(({ name }) => name === from);
    if (!source || !found) return camera;
    const { topic, transport } = source;
    const { width, height, brightness } = found;
    if (topic !== camera.topic) changes.push(`${camera.name}: topic ${camera.topic} → ${topic}`);
    if (transport !== camera.transport)
      changes.push(`${camera.name}: transport ${camera.transport} → ${transport}`);
    if (width !== camera.width || height !== camera.height) {
      changes.push(`${camera.name}: ${camera.width}×${camera.height} → ${width}×${height}`);
      if (camera.crop)
        remarks.push(
          cropFits(camera.crop, found)
            ? `${camera.name}: correct its crop, its images have another size`
            : `${camera.name}: its crop was left out, its images are smaller`,
        );
    }
    const [least, greatest] = camera.exposure;
    if (brightness < least || brightness > greatest)
      remarks.push(
        `${camera.name} is too ${brightness < least ? 'dark' : 'bright'}: mean brightness ${brightness.toFixed(0)}, usable from ${least} to ${greatest}`,
      );
    const { crop, ...rest } = camera;
    const kept = crop && cropFits(crop, found) ? { crop } : {};
    return { ...rest, ...kept, topic, transport, width, height };
  });
  if (new Set(cameras.map(({ topic }) => topic)).size === cameras.length)
    return { calibration: { ...given, cameras }, changes, remarks };
  const shared = changes.map(
    (change) => `${change} seems right, but then two would share a topic: cameras are left`,
  );
  return { calibration: given, changes: [], remarks: [...shared, ...remarks] };
};

const STEPS: Step[] = [exchangeArms, exchangeJoints, correctSigns, correctGrippers, correctCameras];

type Figures = Record<string, Record<string, unknown>>;

const figuresOf = (value: unknown): Figures =>
  typeof value === 'object' && value !== null ? (value as Figures) : {};

/** What was measured, by the names that the corrected calibration has, over what was measured before. */
function measured(given: Calibration, right: Calibration, findings: Findings, date: string) {
  const before = given.measured;
  const joints = Object.fromEntries(
    [...findings.joints].map(([name, finding]) => [
      name,
      { date, sign: finding.sign, range: visited(jointNamed(right.joints, name), finding) },
    ]),
  );
  const grippers = Object.fromEntries(
    [...findings.grippers].map(([name, { angles }]) => {
      const { arm } = jointNamed(right.joints, name);
      const { gripper } = right.arms.find((known) => known.name === arm)!;
      return [name, { date, ...gripperFigures(gripper!, angles) }];
    }),
  );
  const cameras = { ...figuresOf(before?.cameras) };
  const put = (name: string, figures: Record<string, unknown>) => {
    cameras[name] = { ...cameras[name], date, ...figures };
  };
  for (const { name, sharpness, brightness, rate } of findings.cameras.values())
    put(name, {
      sharpness: rounded(sharpness, 1),
      brightness: rounded(brightness, 1),
      rate: rounded(rate, 1),
    });
  for (const [source, { latency, correlation }] of findings.latencies)
    put(findings.cameras.get(source)?.name ?? source, {
      latency: rounded(latency, 4),
      correlation: rounded(correlation, 2),
    });
  return {
    ...before,
    date,
    joints: { ...figuresOf(before?.joints), ...joints },
    grippers: { ...figuresOf(before?.grippers), ...grippers },
    cameras,
  };
}

/** Applies the findings to a calibration, and records the figures under `date`. */
export function correct(given: Calibration, findings: Findings, date: string): Correction {
  const start: Correction = { calibration: given, changes: [], remarks: [] };
  const corrected = STEPS.reduce((so, step) => {
    const next = step(so.calibration, findings);
    return {
      calibration: next.calibration,
      changes: [...so.changes, ...next.changes],
      remarks: [...so.remarks, ...next.remarks],
    };
  }, start);
  const { calibration } = corrected;
  return {
    ...corrected,
    calibration: { ...calibration, measured: measured(given, calibration, findings, date) },
  };
}
