import { z } from 'zod';

/** Network calls in one step of each solver. */
const CALLS = { euler: 1, midpoint: 2, heun: 2, 'adams-bashforth': 1 } as const;

/**
 * Explicit solvers of a flow's differential equation. euler: first order. midpoint and heun: second order,
 * two network calls a step. adams-bashforth: second order with one call a step, which extrapolates from the
 * velocity before (its first step is Euler's).
 */
export const SOLVERS = Object.keys(CALLS) as Solver[];

export type Solver = keyof typeof CALLS;

/** How a chunk's flow is integrated from t = 1 (noise) to t = 0 (action). */
export interface Integration {
  /** Network calls per chunk. */
  steps: number;
  solver: Solver;
  /** The flow times at which the solver's steps begin and end, falling from 1 to 0; equal steps if absent. */
  times?: readonly number[];
}

export const MAX_STEPS = 1000;

/** An integration as policy.json has it, between its other fields. */
export const integrationFields = {
  steps: z.int().min(1).max(MAX_STEPS),
  solver: z.enum(SOLVERS).default('euler'),
  times: z.array(z.number()).optional(),
};

/** The steps that a solver takes for so many network calls. */
export const solverSteps = ({ steps, solver }: Integration): number => steps / CALLS[solver];

/** The faults of an integration, with the field each concerns; empty if it is valid. */
export function integrationFaults(
  integration: Integration,
): { field: 'steps' | 'times'; message: string }[] {
  const { steps, solver, times } = integration;
  const calls = CALLS[solver];
  if (steps % calls !== 0)
    return [
      {
        field: 'steps',
        message: `is ${steps}, but ${solver} calls the network ${calls} times a step; use a multiple of ${calls}, or the solver euler or adams-bashforth`,
      },
    ];
  if (!times) return [];
  const wanted = solverSteps(integration) + 1;
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
}

const STEPS_OF: Record<Solver, (step: Step) => Call[]> = {
  euler: ({ time, length }) => [
    { time, velocity: -length, previous: 0, ends: true, guidance: 1 / length },
  ],
  midpoint: ({ time, length }) => [
    { time, velocity: -length / 2, previous: 0, ends: false, guidance: 1 / length },
    { time: time - length / 2, velocity: -length, previous: 0, ends: true, guidance: 1 / length },
  ],
  heun: ({ time, length }) => [
    { time, velocity: -length, previous: 0, ends: false, guidance: 1 / length },
    {
      ...{ time: time - length, velocity: -length / 2, previous: -length / 2 },
      ...{ ends: true, guidance: 1 / length },
    },
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
  return Array.from({ length: count }, (_, i) =>
    times
      ? {
          time: times[i],
          length: times[i] - times[i + 1],
          before: i === 0 ? undefined : times[i - 1] - times[i],
        }
      : { time: 1 - i / count, length: 1 / count, before: i === 0 ? undefined : 1 / count },
  );
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
