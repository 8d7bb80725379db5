import { loadCalibration } from '../robot/calibrationFile.ts';
import { SIM_CALIBRATION } from '../sim/embodiment.ts';
import { simulatedAloha } from '../sim/simulatedAloha.ts';
import type { SimTaskName } from '../sim/taskNames.ts';
import type { Subject } from './examine.ts';

export interface SimulatedSubjectOptions {
  task: SimTaskName;
  seed: number;
  /** Path of a calibration to compare instead of the simulated robot's own. */
  calibration?: string;
}

/** The simulated ALOHA at the start of an attempt. */
export async function simulatedSubject({
  task,
  seed,
  calibration: path,
}: SimulatedSubjectOptions): Promise<Subject> {
  const calibration = await loadCalibration(path ?? SIM_CALIBRATION);
  const sim = await simulatedAloha({ task });
  return {
    robot: sim,
    label:
      `the simulated ALOHA (${task}, seed ${seed})` +
      (path === undefined ? '' : ` as ${path} has it`),
    prompt: sim.prompt,
    calibration,
    start: () => sim.reset(seed),
  };
}
