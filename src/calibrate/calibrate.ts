import { readdir, rm, stat } from 'node:fs/promises';
import { dirname, join, parse } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { UserError } from '../errors.ts';
import { isThere } from '../files/isThere.ts';
import { packagePath } from '../files/packagePath.ts';
import { type Calibration } from '../robot/calibration.ts';
import type { SensingRobot } from '../robot/robot.ts';
import { calibrationYaml } from '../robot/calibrationFile.ts';
import { type Correction, correct } from './correction.ts';
import { type Findings, noFindings } from './findings.ts';
import { replaceFiles } from '../files/replaceFiles.ts';
import { SIM_CALIBRATION } from '../sim/embodiment.ts';
import { partialOf, releasePartial, writeWhole } from '../files/writeWhole.ts';
import { measureGrippers, measureJoints } from './arms.ts';
import { type Bench, type Listener, awaitAngles, createBench } from './bench.ts';
import { type Seen, measureCameras, writePictures } from './cameras.ts';
import { measureLatencies } from './cameraLatency.ts';
import type { OpenOptions, Subject } from './subject.ts';
import { type Dialogue, Ended, choose } from '../terminal/dialogue.ts';
import { checkWritable } from '../files/outputFile.ts';
import { loadCalibration, parseCalibration } from '../robot/calibrationFile.ts';

export type CalibrateStep = 'joints' | 'grippers' | 'cameras' | 'latency';

export interface CalibrateOptions {
  robot: 'sim' | 'ros';
  /** The calibration to begin with. */
  from?: string;
  steps: CalibrateStep[];
  /** Replace the file without asking. */
  force?: boolean;
}

/** What the steps have brought together. */
interface Progress {
  findings: Findings;
  pictures: Seen[];
  /** Where pictures lie until the calibration is written. */
  folder: string;
}

const STEPS: {
  name: CalibrateStep;
  says: string;
  measure: (bench: Bench, progress: Progress) => Promise<void>;
}[] = [
  {
    name: 'joints',
    says: 'Joints: sign and range of each, moved by hand; the arms must be free of torque.',
    measure: (bench, { findings }) => measureJoints(bench, findings),
  },
  {
    name: 'grippers',
    says: 'Grippers: fully open, then fully closed.',
    measure: (bench, { findings }) => measureGrippers(bench, findings),
  },
  {
    name: 'cameras',
    says: 'Cameras: which is which, sharpness, brightness, size, rate.',
    async measure(bench, progress) {
      progress.pictures = await measureCameras(bench, progress.findings, progress.folder);
    },
  },
  {
    name: 'latency',
    says: 'Latency: how far images lie behind the joints.',
    measure: (bench, { findings }) => measureLatencies(bench, findings),
  },
];

/** Asks which of the calibrations that come with Nalu is nearest to the robot; gives its path. */
async function askNearest(file: string, dialogue: Dialogue): Promise<string> {
  const folder = packagePath('calibration');
  const files = (await readdir(folder)).filter((name) => name.endsWith('.yaml')).sort();
  const choices = files.map((name, i) => ({
    key: String(i + 1),
    says: parse(name).name,
    value: join(folder, name),
  }));
  return choose(dialogue, { text: `${file} is not there yet. Which robot is nearest?`, choices });
}

/** The calibration to begin with, and its path. */
async function beginning(file: string, { from, robot }: CalibrateOptions, dialogue: Dialogue) {
  const given = from ?? ((await isThere(file)) ? file : undefined);
  const path = given ?? (robot === 'sim' ? SIM_CALIBRATION : await askNearest(file, dialogue));
  return { path, calibration: await loadCalibration(path) };
}

const YES_OR_NO = [
  { key: 'y', says: 'yes', value: true },
  { key: 'n', says: 'no', value: false },
];

const BEGIN_OR_SKIP = [
  { key: '', says: 'begin', value: true },
  { key: 's', says: 'skip', value: false },
];

/** Throws a UserError where the calibration, or its pictures, cannot or must not be written. */
async function mayWrite(file: string, { force, steps }: CalibrateOptions, dialogue: Dialogue) {
  const pictures = picturesBeside(file);
  const targets = steps.includes('cameras') ? [file, pictures] : [file];
  const there: string[] = [];
  for (const target of targets) if (await isThere(target)) there.push(target);
  if (there.includes(pictures) && !(await stat(pictures)).isDirectory())
    throw new UserError(`${pictures} is a file, where the pictures' folder goes; move it away`, {
      kind: 'exists',
      subject: pictures,
    });
  if (force || there.length === 0) return;
  const are = there.length > 1 ? 'are' : 'is';
  const text = `${there.join(' and ')} ${are} there already. Replace once all is measured?`;
  if (!(await choose(dialogue, { text, choices: YES_OR_NO })))
    throw new UserError(`${file} is left as it is; give another name`, {
      kind: 'exists',
      subject: file,
    });
}

/** Measures step after step; one that fails leaves what the others found. */
async function runSteps(bench: Bench, steps: readonly CalibrateStep[], progress: Progress) {
  for (const { name, says, measure } of STEPS) {
    if (!steps.includes(name)) continue;
    if (!(await choose(bench.dialogue, { text: `\n${says}`, choices: BEGIN_OR_SKIP }))) continue;
    try {
      await measure(bench, progress);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      bench.dialogue.print(`  Not measured: ${error.message}`);
    }
  }
}

function summarise(dialogue: Dialogue, path: string, { changes, remarks }: Correction): void {
  dialogue.print(
    changes.length > 0 ? `\nAgainst ${path}:` : `\nAll that was measured is as ${path} says.`,
  );
  for (const change of changes) dialogue.print(`  ${change}`);
  if (remarks.length > 0) dialogue.print('Left to you:');
  for (const remark of remarks) dialogue.print(`  ${remark}`);
}

/** Writes the pictures, all instead of earlier ones, and the calibration, read again before. */
async function write(
  file: string,
  calibration: Calibration,
  progress: Progress,
): Promise<string[]> {
  const text = calibrationYaml(calibration);
  parseCalibration(text, file);
  const { findings, pictures } = progress;
  const folder = picturesBeside(file);
  const nameOf = (source: string) => findings.cameras.get(source)?.name ?? source;
  if (pictures.length > 0)
    await replaceFiles(
      folder,
      (staging) => writePictures(staging, pictures, nameOf),
      async () => (await readdir(folder)).filter((name) => name.endsWith('.png')),
    );
  await writeWhole(file, text);
  return pictures.length > 0 ? [file, folder] : [file];
}

const picturesBeside = (file: string) => join(dirname(file), `${parse(file).name}-cameras`);

const countOf = ({ joints, grippers, cameras, latencies }: Findings) =>
  joints.size + grippers.size + cameras.size + latencies.size;

/** A calibration of an open robot. */
export interface CalibrateJob {
  /** Where the calibration goes. */
  file: string;
  /** The calibration to begin with, and its path. */
  begun: { path: string; calibration: Calibration };
  subject: Subject;
  steps: readonly CalibrateStep[];
  dialogue: Dialogue;
  signal: AbortSignal;
  /** Gives what hears all that the robot senses. */
  watch?: (robot: SensingRobot) => Listener;
}

/** Leads through a calibration of an open robot and writes it; resolves to whether it was written. */
export async function calibrate(job: CalibrateJob): Promise<boolean> {
  const { file, begun, subject, steps, dialogue, signal, watch } = job;
  const progress: Progress = {
    findings: noFindings(),
    pictures: [],
    folder: partialOf(picturesBeside(file)),
  };
  const bench = createBench({ ...subject, dialogue, signal });
  if (watch) bench.listen(watch(subject.robot));
  await subject.start();
  await awaitAngles(bench);
  dialogue.print(`Calibrating ${subject.label}, beginning with ${begun.path}.`);
  try {
    await runSteps(bench, steps, progress);
    if (countOf(progress.findings) === 0 && isDeepStrictEqual(subject.found, begun.calibration)) {
      dialogue.print('\nNothing was measured.');
      return false;
    }
    const date = new Date().toISOString().slice(0, 'yyyy-mm-dd'.length);
    const correction = correct(subject.found, progress.findings, date);
    summarise(dialogue, begun.path, correction);
    const text = `\n${(await isThere(file)) ? 'Replace' : 'Write'} ${file}?`;
    if (!(await choose(dialogue, { text, choices: YES_OR_NO }))) return false;
    const written = await write(file, correction.calibration, progress);
    dialogue.print(`Wrote ${written.join(' and ')}.`);
    return true;
  } finally {
    await rm(progress.folder, { recursive: true, force: true });
    releasePartial(progress.folder);
  }
}

export interface CalibrateSurroundings {
  dialogue: Dialogue;
  signal: AbortSignal;
  /** Opens the robot. Throws a `UserError` where it is not there. */
  open: (options: OpenOptions) => Promise<Subject>;
  /** Gives what hears all that the robot senses. */
  watch?: (robot: SensingRobot) => Listener;
}

/** Leads a person through the calibration of a robot; see `nalu calibrate --help`. Closes the dialogue. */
export async function calibrateFile(
  file: string,
  options: CalibrateOptions,
  { dialogue, signal, open, watch }: CalibrateSurroundings,
): Promise<'done' | 'interrupted'> {
  const unwritten = `${file} was not written; nothing has changed.`;
  let subject: Subject | undefined;
  try {
    await checkWritable(file);
    const begun = await beginning(file, options, dialogue);
    await mayWrite(file, options, dialogue);
    const { calibration } = begun;
    subject = await open({ calibration, dialogue, watch, signal });
    const { steps } = options;
    const written = await calibrate({ file, begun, subject, steps, dialogue, signal, watch });
    if (!written) dialogue.print(unwritten);
    return 'done';
  } catch (error) {
    const isOver = signal.aborted || error instanceof Ended;
    if (isOver || error instanceof UserError) dialogue.print(`\n${unwritten}`);
    if (!isOver) throw error;
    if (error instanceof Ended && error.message)
      throw new UserError(error.message, { kind: 'unsaid' });
    return signal.aborted ? 'interrupted' : 'done';
  } finally {
    dialogue.close();
    await subject?.robot.close();
  }
}
