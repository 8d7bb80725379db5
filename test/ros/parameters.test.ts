import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { homedir } from 'node:os';
import { checkNames, parameterFault } from '../../src/ros/parameters.ts';
import { POLICY_PARAMETERS } from '../../src/ros/policy/policyParameters.ts';
import { REPLAY_PARAMETERS } from '../../src/ros/replay/replayNode.ts';
import { assertSaid, assertThrowsAbout } from '../refusals.ts';

const fault = (name: keyof typeof POLICY_PARAMETERS, value: unknown) =>
  parameterFault(name, POLICY_PARAMETERS[name], value);

describe("a value for a node's parameter", () => {
  it('is of its type, as rclnodejs has it, and in its range', () => {
    assert.equal(fault('seconds', 8), undefined);
    assert.equal(fault('attempts', 3n), undefined);
    assert.equal(fault('output', 'trajectory'), undefined);
  });

  it('is refused with what it may be', () => {
    assertSaid(fault('seconds', 'abc')!, 'seconds', 'abc', 'a number with a point');
    assertSaid(fault('seconds', -1)!, 'seconds', -1, '0.1 to 3600');
    assertSaid(fault('attempts', 1.5)!, 'attempts', 1.5, 'a whole number');
    const home = homedir();
    assertSaid(fault('record', '~/episodes')!, 'record', '~/episodes', `${home}/episodes`);
    assertSaid(parameterFault('bag', REPLAY_PARAMETERS.bag, '~/bags')!, 'bag', `${home}/bags`);
    // A name of ROS, below the node's own.
    assert.equal(fault('outcome_topic', '~/outcome'), undefined);
    assertSaid(fault('output', 'morse')!, 'output', 'morse', 'interbotix', 'trajectory');
  });
});

describe("names of a node's parameters", () => {
  it('are its own, or those that every node may be given', () => {
    const of = ['dry_run', 'use_sim_time', 'qos_overrides./joint_states.subscription.depth'];
    checkNames(of, POLICY_PARAMETERS);
  });

  it('are refused with the nearest one, since a dry run that is misspelt would move the arms', () => {
    for (const [given, nearest] of Object.entries({
      ...{ dryrun: 'dry_run', secnds: 'seconds', flow_tims: 'flow_times', Record: 'record' },
    }))
      assertThrowsAbout(() => checkNames(['record', given], POLICY_PARAMETERS), {
        kind: 'invalid',
        fields: [given],
        names: [given, nearest],
      });
  });
});
