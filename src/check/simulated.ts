import { isDeepStrictEqual } from 'node:util';
import { UserError } from '../errors.ts';
import type { Embodiment } from '../robot/embodiment.ts';
import { loadCalibration } from '../robot/calibrationFile.ts';
import { SIM_CALIBRATION, simulatedEmbodiment } from '../sim/embodiment.ts';
import { simulatedAloha } from '../sim/simulatedAloha.ts';
import type { SimTaskName } from '../sim/taskNames.ts';
import type { Subject } from './examine.ts';

export interface SimulatedSubjectOptions {
  task: SimTaskName;
  seed: number;
  /** Path of a calibration to compare instead of the simulated robot's own. */
  calibration?: string;
}

/** Throws a `UserError` for a calibration of a robot with other joints than the simulated ALOHA. */
function checkJoints(calibration: Embodiment, simulated: Embodiment, path: string): void {
  const namesOf = ({ joints }: Embodiment) => joints.map(({ name }) => name).sort();
  if (isDeepStrictEqual(namesOf(calibration), namesOf(simulated))) return;
  throw new UserError(
    `${path}: ${calibration.name} has other joints than the simulated ALOHA; add --robot ros to check the robot on its topics`,
    { kind: 'mismatch', subject: path },
  );
}

/** The simulated ALOHA at the start of an attempt. Throws a `UserError` for another robot's calibration. */
export async function simulatedSubject({
  task,
  seed,
  calibration: path,
}: SimulatedSubjectOptions): Promise<Subject> {
  const calibration = await loadCalibration(path ?? SIM_CALIBRATION);
  if (path !== undefined) checkJoints(calibration, await simulatedEmbodiment(), path);
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
