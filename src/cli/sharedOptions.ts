import { DEFAULT_TASK, SIM_TASK_NAMES } from '../sim/taskNames.ts';
import { InvalidArgumentError, Option } from '@commander-js/extra-typings';
import { packagePath } from '../files/packagePath.ts';
import { PORT_RANGE, isPort } from '../processes/port.ts';

export const SHIPPED_POLICY = packagePath('models/aloha-mini');

/** Reads whole numbers of at least `least`. */
export function integer(least: number) {
  return (text: string): number => {
    const value = text.trim() === '' ? NaN : Number(text);
    if (!Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`It must be a whole number of at least ${least}.`);
    }
    return value;
  };
}

/** Reads the number of a TCP port. */
export function port(text: string): number {
  const value = Number(text);
  if (!isPort(value)) throw new InvalidArgumentError(`A port is ${PORT_RANGE}.`);
  return value;
}

/** Reads MuJoCo's groups of shapes, separated by commas. */
export function groups(text: string): number[] {
  if (!/^[0-5](,[0-5])*$/.test(text))
    throw new InvalidArgumentError('They must be numbers from 0 to 5, separated by commas.');
  return text.split(',').map(Number);
}

export const taskOption = () =>
  new Option('--task <name>', 'what the robot is to do')
    .choices(SIM_TASK_NAMES)
    .default(DEFAULT_TASK);

export const sessionOption = () =>
  new Option(
    '--session <file>',
    'YAML: executionProviders with their options, fallback, and threads of ONNX Runtime',
  );
