import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PolicyMetrics, UpdateMetrics } from '../../src/learning/metrics.ts';
import { reasonToKeepBack } from '../../src/learning/gate.ts';
import { type Adapter, makeAdapter } from '../../src/policy/bundle/adapter.ts';
import { assertSaid } from '../refusals.ts';

const adapterOf = (...values: number[]): Adapter =>
  makeAdapter({
    trainable: { parameters: 'expert' },
    base: 'base',
    parameters: new Map([
      ['fixed', { shape: [2], data: Float32Array.of(3, 4) }],
      ['weight', { shape: [values.length], data: Float32Array.from(values) }],
    ]),
  });

/** The same with a network that steers its noise, which has this value. */
const steered = (value: number): Adapter =>
  makeAdapter({
    ...adapterOf(0, 0),
    steering: {
      ...{ bound: 1, spread: 0, hidden: [1] },
      parameters: new Map([['steer.0.bias', { shape: [1], data: Float32Array.of(value) }]]),
      scale: { mean: new Float32Array(1), deviation: new Float32Array(1) },
    },
  });

const spread = { mean: 1, deviation: 0, least: 1, most: 1 };
const POLICY: PolicyMetrics = {
  steps: 3,
  ratios: spread,
  clipFraction: 0,
  approxKl: 0.01,
  klLimit: 0.4,
  expectedGain: 0.1,
  gradientNorm: 1,
  lossBefore: 1,
  lossAfter: 1,
};

const report = (change: Partial<PolicyMetrics> = {}): UpdateMetrics => ({
  update: 1,
  attempts: 1,
  successes: 1,
  policy: { ...POLICY, ...change },
});

const BEFORE = adapterOf(0, 0);

describe('what reaches the robot', () => {
  it('is finite, near the version before, and not worse on what it was learned from', () => {
    assert.equal(reasonToKeepBack(BEFORE, adapterOf(0.1, 0.2), report()), undefined);
    assert.equal(reasonToKeepBack(BEFORE, steered(1), report()), undefined);
    assert.equal(
      reasonToKeepBack(BEFORE, adapterOf(0.1, 0.2), report({ expectedGain: 0 })),
      undefined,
    );
  });

  const kept: Record<string, [Adapter, UpdateMetrics, ...string[]]> = {
    'has a value that is not a number': [adapterOf(0, NaN), report(), 'not finite'],
    'has an infinite value': [adapterOf(Infinity, 0), report(), 'not finite'],
    'has a network beside its own with one': [steered(NaN), report(), 'not finite'],
    'moved by more than a tenth': [adapterOf(0.51, 0), report(), 'by 0.10 of their norm'],
    'left the trust region': [
      adapterOf(0.1, 0),
      report({ approxKl: 0.8 }),
      'approximate KL is 0.80',
    ],
    'has no approximate KL that could be measured': [
      adapterOf(0.1, 0),
      report({ approxKl: NaN }),
      'approximate KL',
    ],
    'is worse on its attempts': [
      adapterOf(0.1, 0),
      report({ expectedGain: -0.03 }),
      ...['worse than its parent', 'by 0.030'],
    ],
    'is not known to be better': [adapterOf(0.1, 0), report({ expectedGain: NaN }), 'worse'],
  };
  for (const [name, [after, metrics, ...names]] of Object.entries(kept))
    it(`is no version that ${name}`, () => {
      assertSaid(reasonToKeepBack(BEFORE, after, metrics) ?? '', ...names);
    });
});
