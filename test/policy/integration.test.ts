import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Tensor } from 'onnxruntime-node';
import {
  type Integration,
  SOLVERS,
  type Solver,
  TABLE_ROWS,
  integrationFaults,
  integrationTable,
  solverSteps,
  stepEnds,
  withChanges,
} from '../../src/policy/integration.ts';
import { sampleGraph } from '../../src/policy/families/pi0/graphs.ts';
import { assertSaid } from '../refusals.ts';
import { integrationTensor } from '../../src/policy/integrationTensor.ts';
import { inputWeights } from '../../src/policy/paligemma/weights.ts';
import { runGraph } from '../onnx/run.ts';
import { TINY_PI05, chunkOf, chunks, liveWeights, prefixFeeds, samples } from './pi05.ts';
import { referenceModel } from './reference.ts';

type Velocity = (x: number[], time: number) => number[];

const plus = (x: number[], ...terms: [number, number[]][]) =>
  x.map((value, i) => terms.reduce((sum, [factor, v]) => sum + factor * v[i], value));

/** The solvers as textbooks have them, from t = 1 to 0 over these times. */
const TEXTBOOK: Record<Solver, (f: Velocity, x: number[], times: readonly number[]) => number[]> = {
  euler(f, x, times) {
    for (let i = 0; i + 1 < times.length; i++)
      x = plus(x, [times[i + 1] - times[i], f(x, times[i])]);
    return x;
  },
  midpoint(f, x, times) {
    for (let i = 0; i + 1 < times.length; i++) {
      const h = times[i + 1] - times[i];
      const middle = plus(x, [h / 2, f(x, times[i])]);
      x = plus(x, [h, f(middle, times[i] + h / 2)]);
    }
    return x;
  },
  heun(f, x, times) {
    for (let i = 0; i + 1 < times.length; i++) {
      const h = times[i + 1] - times[i];
      const first = f(x, times[i]);
      const ahead = plus(x, [h, first]);
      const isLast = i + 2 === times.length;
      x = isLast ? ahead : plus(x, [h / 2, first], [h / 2, f(ahead, times[i + 1])]);
    }
    return x;
  },
  'adams-bashforth'(f, x, times) {
    let before: { velocity: number[]; h: number } | undefined;
    for (let i = 0; i + 1 < times.length; i++) {
      const h = times[i + 1] - times[i];
      const velocity = f(x, times[i]);
      const share = before ? h / (2 * before.h) : 0;
      x = plus(x, [h * (1 + share), velocity], [-h * share, before?.velocity ?? velocity]);
      before = { velocity, h };
    }
    return x;
  },
};

const uniform = (count: number) => Array.from({ length: count + 1 }, (_, i) => 1 - i / count);

/** What a table does to a velocity, as the graph's loop reads it. */
function follow(integration: Integration, f: Velocity, noise: number[]): number[] {
  const table = integrationTable(integration);
  const calls = integration.steps;
  const at = (row: number, call: number) => table[row * calls + call];
  let [x, begin, before] = [noise, noise, noise.map(() => 0)];
  for (let call = 0; call < calls; call++) {
    const velocity = f(x, at(0, call));
    x = plus(begin, [at(1, call), velocity], [at(2, call), before]);
    if (at(3, call) === 1) begin = x;
    before = velocity;
  }
  return x;
}

const fallingTimes = (steps: number) =>
  fc
    .uniqueArray(fc.integer({ min: 1, max: 19 }), { minLength: steps - 1, maxLength: steps - 1 })
    .map((inner) => [1, ...inner.sort((a, b) => b - a).map((time) => time / 20), 0]);

/** Network calls of a solver's steps. */
const callsOf = (solver: Solver, steps: number) =>
  ({ euler: steps, midpoint: 2 * steps, heun: 2 * steps - 1, 'adams-bashforth': steps })[solver];

const integrations: fc.Arbitrary<Integration> = fc
  .record({ solver: fc.constantFrom(...SOLVERS), steps: fc.integer({ min: 1, max: 6 }) })
  .map(({ solver, steps }) => ({ solver, steps: callsOf(solver, steps) }))
  .chain((integration) =>
    fc
      .option(fallingTimes(solverSteps(integration)), { nil: undefined })
      .map((times) => ({ ...integration, ...(times && { times }) })),
  );

describe('an integration’s table', () => {
  it('does what the textbook’s solver does, on any grid of times', () => {
    const f: Velocity = ([a, b], t) => [Math.sin(3 * t) * b - a, a * t - 0.5 * b];
    fc.assert(
      fc.property(integrations, (integration) => {
        assert.deepEqual(integrationFaults(integration), []);
        const times = integration.times ?? uniform(solverSteps(integration));
        const expected = TEXTBOOK[integration.solver](f, [0.3, -1.1], times);
        const got = follow(integration, f, [0.3, -1.1]);
        expected.forEach((value, i) => assert.ok(Math.abs(value - got[i]) < 1e-4));
        assert.equal(stepEnds(integration).length, solverSteps(integration));
        assert.equal(stepEnds(integration).at(-1), integration.steps - 1);
      }),
    );
  });

  it('is of the order that its solver has: twice the steps, a half or a quarter of the error', () => {
    const f: Velocity = ([a], t) => [a * Math.cos(2 * t)];
    const exact = 0.7 * Math.exp((Math.sin(0) - Math.sin(2)) / 2);
    const errorOf = (solver: Solver, steps: number) =>
      Math.abs(follow({ solver, steps }, f, [0.7])[0] - exact);
    for (const solver of SOLVERS) {
      const ratio = errorOf(solver, callsOf(solver, 16)) / errorOf(solver, callsOf(solver, 32));
      const order = solver === 'euler' ? 2 : 4;
      assert.ok(Math.abs(ratio / order - 1) < 0.25, `${solver}: ${ratio}`);
    }
  });

  it('bounds guidance so that no step overshoots the rows to join', () => {
    fc.assert(
      fc.property(integrations, (integration) => {
        const { steps } = integration;
        const table = integrationTable(integration);
        const [, velocity, , , guidance] = TABLE_ROWS.map((_, row) =>
          table.subarray(row * steps, (row + 1) * steps),
        );
        velocity.forEach((factor, call) =>
          assert.ok(-factor * guidance[call] <= 1 + 1e-5, `${factor} ${guidance[call]}`),
        );
      }),
    );
  });
});

describe('a policy’s chunk', () => {
  const weights = liveWeights();
  const noise = chunks(1);
  const sample = (integration: Integration) =>
    runGraph(sampleGraph(TINY_PI05, inputWeights, 'bytes', { masked: true }), {
      ...Object.fromEntries(
        [...weights].map(([name, { shape, data }]) => [name, new Tensor('float32', data, shape)]),
      ),
      ...prefixFeeds(),
      noise,
      integration: integrationTensor(integration),
    });

  for (const integration of [
    { solver: 'euler', steps: 2, times: [1, 0.3, 0] },
    { solver: 'midpoint', steps: 4 },
    { solver: 'heun', steps: 5, times: [1, 0.6, 0.2, 0] },
    { solver: 'adams-bashforth', steps: 3, times: [1, 0.8, 0.3, 0] },
  ] as Integration[])
    it(`by ${integration.solver} is that of the reference in float64, to 3e-5`, async () => {
      const model = referenceModel(TINY_PI05, (name) => weights.get(name)!.data);
      const { actions } = await sample(integration);
      samples.forEach((one, i) => {
        const cache = model.prefix(one);
        const f: Velocity = (x, t) =>
          model.velocity(model.rowsOf(x), Math.fround(t), cache, one.state).flat();
        const times = integration.times ?? uniform(solverSteps(integration));
        const expected = TEXTBOOK[integration.solver](f, Array.from(chunkOf(noise, i)), times);
        const got = chunkOf(actions, i);
        expected.forEach((value, j) =>
          assert.ok(Math.abs(value - got[j]) < 3e-5, `${value} ${got[j]}`),
        );
      });
    });
});

describe('an integration is refused', () => {
  const faults: Record<string, [Integration, 'steps' | 'times', ...(string | number)[]]> = {
    'for half a step of midpoint': [{ solver: 'midpoint', steps: 3 }, 'steps', 'even', 3, 4],
    'for half a step of heun': [{ solver: 'heun', steps: 4 }, 'steps', 'odd', 4, 5],
    'for too few times': [
      { solver: 'euler', steps: 3, times: [1, 0.5, 0] },
      ...(['times', 'has 3 times', 'has 4'] as const),
    ],
    'for times that rise': [
      { solver: 'euler', steps: 3, times: [1, 0.2, 0.5, 0] },
      ...(['times', 'from 1', 'to 0'] as const),
    ],
    'for times that end before the action': [
      { solver: 'midpoint', steps: 4, times: [1, 0.5, 0.1] },
      ...(['times', 'from 1', 'to 0'] as const),
    ],
  };
  for (const [name, [integration, field, ...names]] of Object.entries(faults))
    it(name, () => {
      const [fault] = integrationFaults(integration);
      assert.equal(fault.field, field);
      assertSaid(fault.message, ...names);
    });
});

it('a change of steps or solver leaves times away that were made for others', () => {
  const given: Integration = { steps: 2, solver: 'euler', times: [1, 0.4, 0] };
  assert.deepEqual(withChanges(given, {}), given);
  assert.deepEqual(withChanges(given, { steps: 2 }), given);
  assert.deepEqual(withChanges(given, { steps: 4 }), { steps: 4, solver: 'euler' });
  assert.deepEqual(withChanges(given, { solver: 'midpoint' }), { steps: 2, solver: 'midpoint' });
  assert.deepEqual(withChanges(given, { times: [1, 0.3, 0] }).times, [1, 0.3, 0]);
});
