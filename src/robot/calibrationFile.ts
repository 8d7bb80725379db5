import { dirname } from 'node:path';
import { Document, type YAMLMap, type YAMLSeq, isCollection, isMap, isSeq } from 'yaml';
import { readYaml, validate } from '../validate.ts';
import { parseYaml } from '../yaml.ts';
import { calibrationSchema } from './calibrationSchema.ts';
import type { Arm, CalibratedJoint, Calibration, Gripper } from './calibration.ts';
import { DEFAULT_ACCELERATION } from './embodiment.ts';
import { gripperSetOf } from './gripperSets.ts';

const HEADER = ` Written by nalu calibrate.
 Arm joints in rad and rad/s; grippers in openings, 0 closed to 1 open; their drivers' angles in rad.
 measured: range in rad as positions, sharpness as the variance of the Laplacian, mean brightness 0 to 255,
 rate in Hz, latency of images behind joints in s with the correlation that it rests on.
 docs/calibrating.md says what each field means.`;

/** A gripper as a file has it: by the name of its constant set, if it is one and has nothing else. */
function sparseGripper(gripper: Gripper): Gripper | string {
  const { closed, open, ...own } = gripper;
  return (Object.keys(own).length === 0 && gripperSetOf({ closed, open })) || gripper;
}

const sparseArm = ({ name, namespace, states, command, gripper, ...rest }: Arm) => ({
  name,
  ...(namespace === '' ? {} : { namespace }),
  ...(states !== undefined && { states }),
  ...(command && { command }),
  ...(gripper && { gripper: sparseGripper(gripper) }),
  ...rest,
});

const sparseJoint = ({ sign, offset, acceleration, ...joint }: CalibratedJoint) => ({
  ...joint,
  ...(sign === 1 ? {} : { sign }),
  ...(offset === 0 ? {} : { offset }),
  ...(acceleration === DEFAULT_ACCELERATION && joint.kind !== 'prismatic' ? {} : { acceleration }),
});

const sparseWorkspace = ({ enforced, ...box }: NonNullable<Calibration['workspace']>) => ({
  ...box,
  ...(enforced && { enforced }),
});

/** Leaves out what a calibration has by default. */
function sparse({ arms, joints, cameras, workspace, ...rest }: Calibration) {
  return {
    ...rest,
    arms: arms.map(sparseArm),
    ...(workspace && { workspace: sparseWorkspace(workspace) }),
    joints: joints.map(sparseJoint),
    cameras: cameras.map(({ transport, rotate, exposure, ...camera }) => ({
      ...camera,
      ...(transport === 'raw' ? {} : { transport }),
      ...(rotate === 0 ? {} : { rotate }),
      exposure,
    })),
  };
}

type Collection = YAMLMap<unknown, unknown> | YAMLSeq<unknown>;

const entriesOf = (node: Collection): unknown[] =>
  isMap(node) ? node.items.map(({ value }) => value) : node.items;

/** Whether a list of maps is in it, as in an arm with a chain of joints. */
const holdsMaps = (node: unknown): boolean =>
  isCollection(node) &&
  ((isSeq(node) && node.items.some(isMap)) || entriesOf(node).some(holdsMaps));

/** Puts what lies this deep, and deeper, on one line each, but for what holds a list of maps. */
function flow(node: unknown, depth: number): void {
  if (!isCollection(node)) return;
  if (depth <= 0 && !holdsMaps(node)) node.flow = true;
  else for (const entry of entriesOf(node)) flow(entry, depth - 1);
}

/** Depth below the top at which an entry of a part gets one line. */
const ENTRY_DEPTH: Record<string, number> = {
  arms: 1,
  joints: 1,
  cameras: 1,
  workspace: 1,
  measured: 2,
};

/** A calibration as the text of its file, a line for each arm, joint and camera. */
export function calibrationYaml(calibration: Calibration): string {
  const { name, controlRate, tasks, arms, joints, cameras, workspace, measured, ...rest } =
    sparse(calibration);
  const ordered = {
    ...{ name, controlRate },
    ...(tasks && { tasks }),
    ...{ arms, joints, cameras },
    ...(workspace && { workspace }),
    ...rest,
    measured,
  };
  const document = new Document(ordered, { aliasDuplicateObjects: false });
  document.commentBefore = HEADER;
  for (const [part, depth] of Object.entries(ENTRY_DEPTH)) flow(document.get(part), depth);
  return document.toString({ lineWidth: 0 });
}

/** Checks what a calibration file says; `source` names the file in errors, and paths in it lead from its folder. */
export function parseCalibration(yaml: string, source: string): Calibration {
  return validate<Calibration>(calibrationSchema(dirname(source)), parseYaml(yaml, source), source);
}

/** Reads a robot's calibration from its YAML file. Throws a UserError that names file and field. */
export async function loadCalibration(path: string): Promise<Calibration> {
  return validate<Calibration>(calibrationSchema(dirname(path)), await readYaml(path), path);
}
