import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { homedir } from 'node:os';
import { parameterFault } from '../../src/ros/parameters.ts';
import { POLICY_PARAMETERS } from '../../src/ros/policy/policyParameters.ts';
import { REPLAY_PARAMETERS } from '../../src/ros/replay/replayNode.ts';

const fault = (name: keyof typeof POLICY_PARAMETERS, value: unknown) =>
  parameterFault(name, POLICY_PARAMETERS[name], value);

describe("a value for a node's parameter", () => {
  it('is of its type, as rclnodejs has it, and in its range', () => {
    assert.equal(fault('seconds', 8), undefined);
    assert.equal(fault('attempts', 3n), undefined);
    assert.equal(fault('output', 'trajectory'), undefined);
  });

  it('is refused with what it may be', () => {
    assert.equal(fault('seconds', 'abc'), 'seconds: abc is not a number with a point, as 8.0');
    assert.equal(fault('seconds', -1), 'seconds: -1 lies outside 0.1 to 3600');
    assert.equal(fault('attempts', 1.5), 'attempts: 1.5 is not a whole number');
    const home = homedir();
    assert.equal(
      fault('record', '~/episodes'),
      `record: ~/episodes: ROS leaves ~ in a parameter as it is; write ${home}/episodes`,
    );
    assert.match(parameterFault('bag', REPLAY_PARAMETERS.bag, '~/bags')!, /^bag: ~\/bags: .*bags$/);
    // A name of ROS, below the node's own.
    assert.equal(fault('outcome_topic', '~/outcome'), undefined);
    assert.match(fault('output', 'morse')!, /^output: 'morse' is none of interbotix, trajectory$/);
  });
});
