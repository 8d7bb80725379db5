import { parseCalibration } from '../../src/robot/calibrationFile.ts';
import { assertThrowsAbout } from '../refusals.ts';

/** Asserts that a calibration is refused for this field, or these, and that these things are named. */
export const refused = (yaml: string, fields: string | string[], ...names: (string | number)[]) =>
  assertThrowsAbout(() => parseCalibration(yaml, 'robot.yaml'), {
    kind: 'invalid',
    subject: 'robot.yaml',
    fields: [fields].flat(),
    names,
  });
