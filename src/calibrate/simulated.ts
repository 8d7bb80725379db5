import { DEFAULT_TASK } from '../sim/taskNames.ts';
import { UserError } from '../errors.ts';
import { loadCalibration } from '../robot/calibrationFile.ts';
import { SIM_CALIBRATION } from '../sim/embodiment.ts';
import { simulatedAloha } from '../sim/simulatedAloha.ts';
import { simulatedDrivers } from '../sim/simulatedDrivers.ts';
import { simulatedHand } from '../sim/simulatedHand.ts';
import { withSizes } from './arrivingSizes.ts';
import { simulatedPerson } from './person.ts';
import type { OpenOptions, Subject } from './subject.ts';

/** Opens the simulated ALOHA behind drivers as a real one has, with a simulated person. */
export async function simulatedSubject({
  calibration,
  dialogue,
  signal,
}: OpenOptions): Promise<Subject> {
  const built = await loadCalibration(SIM_CALIBRATION);
  const sizes = new Map(
    built.cameras.map(({ topic, width, height }) => [topic, { width, height }]),
  );
  const read = withSizes(calibration, sizes);
  const sim = await simulatedAloha({ task: DEFAULT_TASK });
  const robot = simulatedDrivers({ sim, built, read });
  const names = built.joints.map(({ name }) => name);
  const jointAt = (joint: number) => {
    const { name } = read.joints[joint];
    if (!names.includes(name))
      throw new UserError(`${name}: the simulated robot has ${names.join(', ')}`, {
        kind: 'missing',
        fields: [name],
      });
    return names.indexOf(name);
  };
  return {
    robot,
    found: calibration,
    calibration: read,
    label: 'the simulated ALOHA, which a simulated person moves',
    person: simulatedPerson(dialogue, simulatedHand(sim, signal), jointAt),
    start: () => sim.reset(0),
  };
}
