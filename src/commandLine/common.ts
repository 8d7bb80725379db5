import { InvalidArgumentError, Option } from 'commander';
import { packagePath } from '../packagePath.ts';

export const SHIPPED_POLICY = packagePath('models/aloha-mini');

/** Reads whole numbers of at least `least`. */
export function integer(least: number) {
  return (text: string): number => {
    const value = Number(text);
    if (!Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`It must be a whole number of at least ${least}.`);
    }
    return value;
  };
}

export const taskOption = () =>
  new Option('--task <name>', 'what the robot is to do')
    .choices(['transfer-cube', 'insertion'])
    .default('transfer-cube');

export const sessionOption = () =>
  new Option(
    '--session <file>',
    'YAML: executionProviders with their options, fallback, and threads of ONNX Runtime',
  );
