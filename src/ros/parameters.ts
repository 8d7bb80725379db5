import { homedir } from 'node:os';
import { UserError } from '../errors.ts';
import { homeFault } from '../files/homePath.ts';
import type { Ros, RosNode, RosParameter } from './rclnodejs.ts';

interface Common {
  description: string;
  /** Whether it is fixed when the node starts. */
  readOnly: boolean;
}

/** What a node's parameter may be. */
export type ParameterSpec = Common &
  (
    | { type: 'bool'; default: boolean }
    | { type: 'integer' | 'double'; default: number; range: [number, number] }
    | { type: 'string'; default: string; choices?: readonly string[]; isPath?: boolean }
  );

export type ParameterSpecs = Record<string, ParameterSpec>;

/** Values of parameters by name. */
export type ParameterValues<S extends ParameterSpecs> = {
  readonly [K in keyof S]: S[K] extends { choices: readonly (infer C)[] }
    ? C
    : { bool: boolean; integer: number; double: number; string: string }[S[K]['type']];
};

const FORMS = {
  bool: 'true or false',
  integer: 'a whole number',
  double: 'a number with a point, as 8.0',
  string: 'text',
} as const;

const TYPES = { bool: 1, integer: 2, double: 3, string: 4 } as const;

/** Otherwise only whole numbers above the least would be taken. */
const ANY_STEP = 0;

const native = (spec: ParameterSpec) =>
  spec.type === 'integer' ? BigInt(spec.default) : spec.default;

function rangeOf(ros: Ros, spec: ParameterSpec): object | undefined {
  if (spec.type === 'integer')
    return new ros.IntegerRange(BigInt(spec.range[0]), BigInt(spec.range[1]));
  if (spec.type === 'double') return new ros.FloatingPointRange(...spec.range, ANY_STEP);
  return undefined;
}

/** In words: `ros2 param describe` shows nothing else of a range that rclnodejs declares. */
function constraints(spec: ParameterSpec): string {
  if (spec.type === 'string') return spec.choices ? `one of ${spec.choices.join(', ')}` : '';
  return spec.type === 'bool' ? '' : spec.range.join(' to ');
}

const isOf: Record<ParameterSpec['type'], (value: unknown) => boolean> = {
  bool: (value) => typeof value === 'boolean',
  integer: (value) => typeof value === 'bigint',
  double: (value) => typeof value === 'number',
  string: (value) => typeof value === 'string',
};

/** Why a value, as rclnodejs has it, cannot be a parameter's; undefined if it can. */
export function parameterFault(name: string, spec: ParameterSpec, value: unknown) {
  if (!isOf[spec.type](value)) return `${name}: ${String(value)} is not ${FORMS[spec.type]}`;
  if (spec.type === 'integer' || spec.type === 'double') {
    const [least, greatest] = spec.range;
    const number = Number(value);
    if (!(number >= least && number <= greatest))
      return `${name}: ${String(value)} lies outside ${least} to ${greatest}`;
  }
  if (spec.type === 'string' && spec.choices && !spec.choices.includes(value as string))
    return `${name}: '${String(value)}' is none of ${spec.choices.join(', ')}`;
  if (spec.type !== 'string' || !spec.isPath) return undefined;
  const fault = homeFault(
    value as string,
    'ROS leaves ~ in a parameter as it is',
    (rest) => homedir() + rest,
  );
  return fault && `${name}: ${fault}`;
}

/** Parameters that every ROS 2 node may be given. */
const OF_ANY_NODE = /^(use_sim_time|start_type_description_service|qos_overrides\..*)$/;

/** How many letters two names have alike from the beginning and from the end. */
function alike(a: string, b: string): number {
  const count = (at: (text: string, i: number) => string | undefined) => {
    let i = 0;
    while (i < Math.min(a.length, b.length) && at(a, i) === at(b, i)) i += 1;
    return i;
  };
  return count((text, i) => text[i]) + count((text, i) => text.at(-1 - i));
}

/** Throws a `UserError` for given parameters that a node does not have: one misspelt would leave it as it is by default. */
export function checkNames(given: Iterable<string>, specs: ParameterSpecs): void {
  for (const name of given) {
    if (name in specs || OF_ANY_NODE.test(name)) continue;
    const known = Object.keys(specs);
    const [nearest] = known.toSorted((a, b) => alike(name, b) - alike(name, a));
    throw new UserError(
      `parameter ${name}: this node has none of that name (the nearest is ${nearest}); correct it, or give it under the name of the node that it is for`,
      { kind: 'invalid', fields: [name] },
    );
  }
}

/**
 * Declares a node's parameters and gives their values, which stay up to date. A set that breaks the
 * table is refused; a value from the command line or a file that does, or whose name is not in the table, is thrown
 * as a `UserError`.
 */
export function declareParameters<S extends ParameterSpecs>(
  ros: Ros,
  node: RosNode,
  specs: S,
): ParameterValues<S> {
  checkNames(node._parameterOverrides?.keys() ?? [], specs);
  const fault = ({ name, value }: RosParameter) =>
    name in specs ? parameterFault(name, specs[name], value) : undefined;
  const entries = Object.entries(specs).map(([name, spec]) => {
    const { type, description, readOnly } = spec;
    try {
      const kind = TYPES[type];
      const range = rangeOf(ros, spec);
      const descriptor = new ros.ParameterDescriptor(name, kind, description, readOnly, range);
      descriptor.additionalConstraints = constraints(spec);
      node.declareParameter(new ros.Parameter(name, kind, native(spec)), descriptor);
    } catch (error) {
      throw new UserError(`parameter ${name}: must be ${FORMS[type]}; ${description}`, {
        cause: error,
        kind: 'invalid',
        fields: [name],
      });
    }
    const wrong = fault(node.getParameter(name));
    if (wrong)
      throw new UserError(`parameter ${wrong}; ${description}`, {
        kind: 'invalid',
        fields: [name],
      });
    const read = () => {
      const { value } = node.getParameter(name);
      return type === 'integer' ? Number(value) : value;
    };
    return [name, { enumerable: true, get: read }] as const;
  });
  // Before rclnodejs' own look at type and range, which does not say what a value may be.
  const set = node.setParametersAtomically.bind(node);
  node.setParametersAtomically = (parameters) => {
    const reason = parameters.flatMap((parameter) => fault(parameter) ?? []).join('; ');
    return reason === '' ? set(parameters) : { successful: false, reason };
  };
  return Object.defineProperties({}, Object.fromEntries(entries)) as ParameterValues<S>;
}
