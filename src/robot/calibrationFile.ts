import { Document, isCollection, isMap } from 'yaml';
import { parseYaml, readYaml, validate } from '../validate.ts';
import { calibrationSchema } from './calibrationSchema.ts';
import type { Calibration } from './calibration.ts';
import { DEFAULT_ACCELERATION } from './embodiment.ts';
import { gripperSetOf } from './gripperSets.ts';

const HEADER = ` Written by nalu calibrate.
 Arm joints in rad and rad/s; grippers in openings, 0 closed to 1 open; their drivers' angles in rad.
 measured: range in rad as positions, sharpness as the variance of the Laplacian, mean brightness 0 to 255,
 rate in Hz, latency of images behind joints in s with the correlation that it rests on.
 docs/calibrating.md says what each field means.`;

/** Leaves out what a calibration has without its being said. */
function sparse({ arms, joints, cameras, workspace, ...rest }: Calibration) {
  const { enforced, ...box } = workspace;
  return {
    ...rest,
    arms: arms.map((arm) => ({ ...arm, gripper: gripperSetOf(arm.gripper) ?? arm.gripper })),
    workspace: { ...box, ...(enforced && { enforced }) },
    joints: joints.map(({ sign, offset, acceleration, ...joint }) => ({
      ...joint,
      ...(sign === 1 ? {} : { sign }),
      ...(offset === 0 ? {} : { offset }),
      ...(acceleration === DEFAULT_ACCELERATION ? {} : { acceleration }),
    })),
    cameras: cameras.map(({ transport, rotate, exposure, ...camera }) => ({
      ...camera,
      ...(transport === 'raw' ? {} : { transport }),
      ...(rotate === 0 ? {} : { rotate }),
      exposure,
    })),
  };
}

/** Puts what lies this deep, and deeper, on one line each. */
function flow(node: unknown, depth: number): void {
  if (!isCollection(node)) return;
  if (depth === 0) node.flow = true;
  else
    for (const item of node.items)
      flow(isMap(node) ? (item as { value: unknown }).value : item, depth - 1);
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
  const { name, controlRate, arms, joints, cameras, workspace, measured, ...rest } =
    sparse(calibration);
  const ordered = { name, controlRate, arms, joints, cameras, workspace, ...rest, measured };
  const document = new Document(ordered, { aliasDuplicateObjects: false });
  document.commentBefore = HEADER;
  for (const [part, depth] of Object.entries(ENTRY_DEPTH)) flow(document.get(part), depth);
  return document.toString({ lineWidth: 0 });
}

/** Checks what a calibration file says; `source` names the file in errors. */
export function parseCalibration(yaml: string, source: string): Calibration {
  return validate<Calibration>(calibrationSchema, parseYaml(yaml, source), source);
}

/** Reads a robot's calibration from its YAML file. Throws a UserError that names file and field. */
export async function loadCalibration(path: string): Promise<Calibration> {
  return validate<Calibration>(calibrationSchema, await readYaml(path), path);
}
