import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { listenToHeartbeat } from '../../src/ros/heartbeat.ts';
import type { Ros, RosNode } from '../../src/ros/rclnodejs.ts';
import { atRest, guard } from '../../src/guard/guard.ts';
import { beatAges } from '../../src/control/heartbeat.ts';

/** What the listener needs of ROS 2, its one subscription at hand. */
function node() {
  let say: (message: { data: boolean }) => void = () => undefined;
  const topics: string[] = [];
  const ros = {
    QoS: class {},
    QoSOverridingOptions: { withDefaultPolicies: () => ({}) },
  } as unknown as Ros;
  const node = {
    createSubscription(type: string, topic: string, _: object, callback: typeof say) {
      topics.push(`${type} ${topic}`);
      say = callback;
      return { topic };
    },
    destroySubscription: ({ topic }: { topic: string }) => topics.push(`closed ${topic}`),
  } as unknown as RosNode;
  return { ros, node, topics, say: (data: boolean) => say({ data }) };
}

const limits = {
  joints: ['waist'],
  lower: Float64Array.of(-1),
  upper: Float64Array.of(1),
  step: Float64Array.of(0.1),
  change: Float64Array.of(0.1),
};

describe('the heartbeat of an operator', () => {
  it('lets the robot move while it beats, holds it soon after, then stops it', () => {
    const { ros, node: listening, topics, say } = node();
    let now = 5000;
    const heartbeat = listenToHeartbeat(ros, listening, '/deadman', () => now);
    assert.deepEqual(topics, ['std_msgs/msg/Bool /deadman']);
    const verdict = () =>
      guard(limits, atRest(Float64Array.of(0)), Float64Array.of(0.05), beatAges(heartbeat)).verdict;
    assert.equal(verdict(), 'stop', 'before the first beat');
    say(true);
    assert.equal(verdict(), 'pass');
    now += 200;
    assert.equal(verdict(), 'pass');
    now += 100;
    assert.equal(verdict(), 'hold');
    say(true);
    assert.equal(verdict(), 'pass', 'it goes on');
    now += 1001;
    assert.equal(verdict(), 'stop');
    say(true);
    say(false);
    assert.equal(verdict(), 'stop', 'the switch was let go');
    heartbeat.close();
    assert.equal(topics.at(-1), 'closed /deadman');
  });
});
