import { type SessionConfig } from '../session/session.ts';
import { openWorkerPolicy } from '../policy/worker/workerPolicy.ts';
import type { Bundle } from '../policy/bundle/config.ts';
import { type Calibration } from '../robot/calibration.ts';
import type { OperatingMode } from '../robot/operatingModes.ts';
import type { Robot } from '../robot/robot.ts';
import type { ChunkPolicy } from '../policy/chunkPolicy.ts';
import type { FitCase, Misfit, RobotCase } from './case.ts';
import { canSample, findMisfits, findRobotMisfits } from './fit.ts';
import { camerasOfBoth, fitCase, observeOnce, robotCase, withChunk } from './fitCase.ts';

/** A robot to observe; it is not commanded. */
export interface Subject {
  robot: Robot;
  /** Its name in the report. */
  label: string;
  prompt: string;
  /** The calibration to compare with; may differ from the one that `robot` was opened with. */
  calibration: Calibration;
  /** Operating modes of its drivers, if they report them. */
  modes?: readonly OperatingMode[];
  /** Starts its sensors; called after the observer is attached. */
  start: () => Promise<void>;
}

/** The result of comparing a policy with a robot. */
export interface Examined {
  bundle: Bundle;
  label: string;
  fit: FitCase;
  misfits: readonly Misfit[];
}

async function caseOf(bundle: Bundle, subject: Subject, session: SessionConfig): Promise<FitCase> {
  const { robot, calibration, modes, prompt, start } = subject;
  const observation = await observeOnce(robot, camerasOfBoth(bundle, robot), prompt, start);
  const fit = { ...(await fitCase(bundle, calibration, observation)), modes };
  if (!canSample(fit)) return fit;
  const policy = await openWorkerPolicy(bundle, session, { join: 'swap' });
  try {
    return await withChunk(fit, policy, observation);
  } finally {
    await policy.close();
  }
}

/** Compares a policy with a robot: takes one observation and samples one chunk from zero noise. */
export async function examine(
  bundle: Bundle,
  subject: Subject,
  session: SessionConfig,
): Promise<Examined> {
  const fit = await caseOf(bundle, subject, session);
  return { bundle, label: subject.label, fit, misfits: findMisfits(fit) };
}

/** A robot to observe, and a policy that is open already. */
export interface OpenSubject extends Omit<Subject, 'label' | 'modes' | 'start'> {
  policy: ChunkPolicy;
  /** Its bundle; absent for a policy that is known by its chunks alone, as one on a server. */
  bundle?: Bundle;
  start?: Subject['start'];
}

/** The same for a policy that is open already; it must have the length of the robot's vectors, and its cameras. */
export async function examineOpen(
  subject: OpenSubject,
): Promise<{ fit: RobotCase; misfits: readonly Misfit[] }> {
  const { robot, policy, bundle, calibration, prompt, start } = subject;
  const cameras = bundle ? camerasOfBoth(bundle, robot) : policy.cameras;
  const observation = await observeOnce(robot, cameras, prompt, start);
  if (!bundle) {
    const fit = await withChunk(await robotCase(calibration, observation), policy, observation);
    return { fit, misfits: findRobotMisfits(fit) };
  }
  const fit = await withChunk(await fitCase(bundle, calibration, observation), policy, observation);
  return { fit, misfits: findMisfits(fit) };
}

export const countOf = (misfits: readonly Misfit[], severity: Misfit['severity']): number =>
  misfits.filter((misfit) => misfit.severity === severity).length;
