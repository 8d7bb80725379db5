import { DEFAULT_METHOD, METHOD_NAMES } from '../learning/methodNames.ts';
import { DEFAULT_TASK, SIM_TASK_NAMES } from '../sim/taskNames.ts';
import { InvalidArgumentError, Option } from '@commander-js/extra-typings';
import { packagePath } from '../files/packagePath.ts';
import { SOLVERS, parseTimes } from '../policy/integration.ts';
import { PORT_RANGE, isPort } from '../tcpPort.ts';

export const SHIPPED_POLICY = packagePath('models/aloha-mini');

/** Output for programs; `run` prints a failure there too. */
export const jsonOption = () =>
  new Option(
    '--json',
    'print one JSON object a line on stdout and nothing else there; a failure is the last one, as "error"',
  );

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

/** Reads a finite number above 0. */
export function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < Infinity))
    throw new InvalidArgumentError('It must be a number above 0.');
  return value;
}

/** Reads a share: above 0, at most 1. */
export function share(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 1))
    throw new InvalidArgumentError('It must be a number above 0, at most 1.');
  return value;
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

export const sceneOption = () =>
  new Option('--scene <file>', 'use this MJCF scene instead of the built-in one');

export const sceneMapOption = () =>
  new Option(
    '--scene-map <file>',
    "YAML of how the scene's names correspond to the simulator's; without it the shipped one that fits",
  );

/** The map is of a scene. */
export const SCENE_RULES = { '--scene-map': { with: ['--scene'] } };

export const taskOption = () =>
  new Option('--task <name>', 'what the robot is to do')
    .choices(SIM_TASK_NAMES)
    .default(DEFAULT_TASK);

/** The task of a policy, which by default is its own. */
export const policyTaskOption = () =>
  new Option(
    '--task <name>',
    'what the robot is to do (default: what the policy was trained for)',
  ).choices(SIM_TASK_NAMES);

/** What of a policy learns, and how. */
export const methodOption = () =>
  new Option(
    '--method <name>',
    'fpo: the network learns; flow-ppo: it learns by how likely the steps of its flow were; fpo-replay, in-sample, preference and filtered: it learns from every attempt again; choice and edits: it stays, and critics choose each chunk from several samples of it, or of small changes of these; steer: it stays, and from which noise each chunk begins is learned; view: it stays, and where it looks in its images is found; offset: one offset of all its actions is found; ticket: one initial noise of all its chunks is found; ppo and grpo: the network learns, of a policy that writes tokens',
  )
    .choices(METHOD_NAMES)
    .default(DEFAULT_METHOD);

/** Describes `--batch`, whose default is the method's. */
export const BATCH =
  'attempts of an update (default: 64 of fpo, flow-ppo, ppo and grpo, 16 of the others)';

/** The task of evaluations in the simulator; that of the episodes where absent. */
export const evaluationOption = () =>
  new Option('--task <name>', "task of the evaluations (default: the episodes')").choices(
    SIM_TASK_NAMES,
  );

/** Reads flow times, separated by commas. */
export function flowTimes(text: string): number[] {
  const times = parseTimes(text);
  if (!times.every(Number.isFinite))
    throw new InvalidArgumentError('They must be numbers separated by commas, such as 1,0.4,0.');
  return times;
}

/** How late a chunk comes in simulation. */
export const delayOption = () =>
  new Option('--delay <ms>', 'how late a chunk comes, in whole control steps')
    .argParser(integer(0))
    .default(40);

export const stepsOption = () =>
  new Option(
    '--steps <n>',
    "network calls that integrate a chunk's flow, instead of the bundle's",
  ).argParser(integer(1));

export const solverOption = () =>
  new Option('--solver <name>', "how they integrate it, instead of the bundle's solver").choices(
    SOLVERS,
  );

export const timesOption = () =>
  new Option(
    '--times <list>',
    "flow times at which the solver's steps begin and end, as 1,0.4,0, instead of equal steps",
  ).argParser(flowTimes);

export const sessionOption = () =>
  new Option(
    '--session <file>',
    'YAML: executionProviders with their options, fallback, and threads of ONNX Runtime',
  );

/** A key of openpi's protocol; the environment keeps it out of the list of processes. */
export const apiKeyOption = (description: string) =>
  new Option('--api-key <key>', description).env('NALU_API_KEY');

/** The robot of a data set of another project. */
export const calibrationOfDataset = () =>
  new Option(
    '--calibration <file>',
    "robot of a data set that does not say what it is: another project's",
  );
