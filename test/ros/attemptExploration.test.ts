import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { METHOD_NAMES } from '../../src/learning/methodNames.ts';
import { explorationSchema } from '../../src/policy/exploration.ts';
import { attemptExploration } from '../../src/ros/policy/attemptExploration.ts';

const NONE = {
  method: 'fpo',
  exploration: 0,
  exploration_view: 0,
  exploration_offset: 0,
  exploration_tickets: false,
  exploration_temperature: 0,
} as const;

describe("the exploration of a node's attempts", () => {
  it('is none where no parameter asks for any, but where versions say how far', () => {
    for (const method of METHOD_NAMES.filter((name) => name !== 'steer'))
      assert.equal(attemptExploration({ ...NONE, method }), undefined, method);
  });

  it('is as its parameters say, and by the method of its learner records the steps of flows', () => {
    const some = { ...NONE, exploration: 0.01 };
    const plain = { ...explorationSchema.parse({ size: 0.01 }), temperature: 0 };
    assert.deepEqual(attemptExploration(some), plain);
    assert.deepEqual(attemptExploration({ ...some, method: 'flow-ppo' }), {
      ...plain,
      ...{ chain: true, steps: 100 },
    });
    // As nalu adapt --method view has it.
    assert.equal(attemptExploration({ ...some, method: 'view' })!.initialNoise, 1);
    assert.equal(attemptExploration({ ...NONE, exploration_view: 0.016 })!.range, 10);
    assert.equal(attemptExploration({ ...NONE, exploration_tickets: true })!.tickets, true);
    const { size, initialNoise } = attemptExploration({ ...NONE, method: 'steer' })!;
    assert.deepEqual([size, initialNoise], [0, 1]);
  });
});
