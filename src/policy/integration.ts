/** Steps that each solver takes for so many network calls; not a whole number where the calls do not fit. */
const STEPS = {
  euler: (calls: number) => calls,
  midpoint: (calls: number) => calls / 2,
  heun: (calls: number) => (calls + 1) / 2,
  'adams-bashforth': (calls: number) => calls,
};

/** The network calls that fit a solver, for errors. */
const FITTING: Partial<Record<Solver, string>> = {
  midpoint: 'midpoint takes two a step: use an even number',
  heun: "heun takes two a step and one for the last, which is Euler's: use an odd number",
};

/**
 * Explicit solvers of a flow's differential equation. euler: first order. midpoint: second order, two network
 * calls a step. heun: the same, but its last step is Euler's (as in arXiv 2206.00364), because the network is
 * not trained at t = 0. adams-bashforth: second order with one call a step, which extrapolates from the velocity
 * before; its first step is Euler's.
 */
export const SOLVERS = Object.keys(STEPS) as Solver[];

export type Solver = keyof typeof STEPS;

/** How a chunk's flow is integrated from t = 1 (noise) to t = 0 (action). */
export interface Integration {
  /** Network calls per chunk. */
  steps: number;
  solver: Solver;
  /** The flow times at which the solver's steps begin and end, falling from 1 to 0; equal steps if absent. */
  times?: readonly number[];
}

export const MAX_STEPS = 1000;

/** The steps that a solver takes for so many network calls. */
export const solverSteps = ({ steps, solver }: Integration): number => STEPS[solver](steps);

/** The faults of an integration, with the field each concerns; empty if it is valid. */
export function integrationFaults(
  integration: Integration,
): { field: 'steps' | 'times'; message: string }[] {
  const { steps, solver, times } = integration;
  const wanted = solverSteps(integration) + 1;
  if (!Number.isInteger(wanted))
    return [
      {
        field: 'steps',
        message: `is ${steps} network calls, but ${FITTING[solver]}, such as ${steps + 1}`,
      },
    ];
  if (!times) return [];
  if (times.length !== wanted)
    return [
      {
        field: 'times',
        message: `has ${times.length} times, but ${solver} with steps ${steps} has ${wanted}: the beginning of each step, and the end`,
      },
    ];
  const falls = times.every((time, i) => i === 0 || time < times[i - 1]);
  if (falls && times[0] === 1 && times.at(-1) === 0) return [];
  return [
    {
      field: 'times',
      message: 'must fall from 1 (noise) to 0 (action), each below the one before',
    },
  ];
}

/** One network call of an integration. */
interface Call {
  /** Flow time at which the network is evaluated. */
  time: number;
  /** Factors of this velocity and of the one before, added to the state at the beginning of the solver's step. */
  velocity: number;
  previous: number;
  /** Whether the solver's step ends here; else the result is an intermediate stage. */
  ends: boolean;
  /** The largest factor of guidance with which a step does not overshoot the rows to join. */
  guidance: number;
}

/** One step from flow time `time` to `time − length`, after one of length `before`. */
interface Step {
  time: number;
  length: number;
  before?: number;
  isLast: boolean;
}

const STEPS_OF: Record<Solver, (step: Step) => Call[]> = {
  euler: ({ time, length }) => [
    { time, velocity: -length, previous: 0, ends: true, guidance: 1 / length },
  ],
  midpoint: ({ time, length }) => [
    { time, velocity: -length / 2, previous: 0, ends: false, guidance: 1 / length },
    { time: time - length / 2, velocity: -length, previous: 0, ends: true, guidance: 1 / length },
  ],
  heun: ({ time, length, isLast }) => [
    { time, velocity: -length, previous: 0, ends: isLast, guidance: 1 / length },
    ...(isLast
      ? []
      : [
          {
            ...{ time: time - length, velocity: -length / 2, previous: -length / 2 },
            ...{ ends: true, guidance: 1 / length },
          },
        ]),
  ],
  'adams-bashforth'({ time, length, before }) {
    const extrapolated = before === undefined ? 0 : length / before / 2;
    const velocity = -length * (1 + extrapolated);
    const previous = length * extrapolated;
    return [{ time, velocity, previous, ends: true, guidance: -1 / velocity }];
  },
};

/** Equal steps have exactly the same length, which differences of times have not. */
function stepsOf(integration: Integration): Step[] {
  const { times } = integration;
  const count = solverSteps(integration);
  const lengthOf = (i: number) => (times ? times[i] - times[i + 1] : 1 / count);
  return Array.from({ length: count }, (_, i) => ({
    time: times ? times[i] : 1 - i / count,
    length: lengthOf(i),
    before: i === 0 ? undefined : lengthOf(i - 1),
    isLast: i === count - 1,
  }));
}

const callsOf = (integration: Integration): Call[] =>
  stepsOf(integration).flatMap(STEPS_OF[integration.solver]);

/** Rows of an integration's table, one column a network call. */
export const TABLE_ROWS = ['time', 'velocity', 'previous', 'ends', 'guidance'] as const;

/** An integration as a graph reads it: [TABLE_ROWS, steps], row by row. */
export function integrationTable(integration: Integration): Float32Array {
  const calls = callsOf(integration);
  return Float32Array.from(TABLE_ROWS.flatMap((row) => calls.map((call) => Number(call[row]))));
}

/** The network calls (from 0) after which a step of the solver ends. */
export const stepEnds = (integration: Integration): number[] =>
  callsOf(integration).flatMap(({ ends }, call) => (ends ? [call] : []));

/** A key that equal integrations share. */
export const integrationKey = ({ steps, solver, times }: Integration): string =>
  [steps, solver, ...(times ?? [])].join(' ');

/** Flow times written as `1,0.4,0`; NaN for what is not a number. */
export const parseTimes = (text: string): number[] =>
  text.split(',').map((part) => (part.trim() === '' ? NaN : Number(part)));

/** Changes that a user makes to a policy's integration. */
export type IntegrationChanges = Partial<Integration>;

/**
 * An integration with changes. Times belong to a number of steps and a solver, so a change of either without
 * times of its own leaves equal steps.
 */
export const withChanges = (
  integration: Integration,
  { steps, solver, times }: IntegrationChanges,
): Integration => {
  const changed = { steps: steps ?? integration.steps, solver: solver ?? integration.solver };
  const same = changed.steps === integration.steps && changed.solver === integration.solver;
  const kept = times ?? (same ? integration.times : undefined);
  return { ...changed, ...(kept && { times: kept }) };
};
