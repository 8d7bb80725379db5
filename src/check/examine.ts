import { type SessionConfig } from '../session/session.ts';
import { openWorkerPolicy } from '../policy/worker/workerPolicy.ts';
import type { Bundle } from '../policy/bundle/config.ts';
import { type Calibration } from '../robot/calibration.ts';
import type { OperatingMode } from '../robot/operatingModes.ts';
import type { Robot } from '../robot/robot.ts';
import type { FitCase, Misfit } from './case.ts';
import { canSample, findMisfits } from './fit.ts';
import { camerasOfBoth, fitCase, observeOnce, withChunk } from './fitCase.ts';

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

export const countOf = (misfits: readonly Misfit[], severity: Misfit['severity']): number =>
  misfits.filter((misfit) => misfit.severity === severity).length;
