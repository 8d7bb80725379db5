import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Ros, RosNode } from '../../src/ros/rclnodejs.ts';
import { startReplayNode } from '../../src/ros/replay/replayNode.ts';
import { STEPS, recordBag } from './bags.ts';

/** A stand-in for rclnodejs, with a policy's node that draws one chunk and can be stopped. */
function rehearsal(parameters: Record<string, string>) {
  const heard = { lines: [] as string[], stops: 0, clocks: 0 };
  let policy: (chunk: object) => void = () => undefined;
  const log = (text: string) => heard.lines.push(text);
  const endpoint = (topic: string) => ({
    publish: (message: { clock?: object }) => {
      if (topic !== '/clock') return;
      if (heard.clocks++ === 3) policy({ header: { stamp: message.clock }, points: [] });
    },
  });
  const node = {
    declareParameter: () => undefined,
    getParameter: (name: string) => ({ name, value: parameters[name] ?? '' }),
    setParametersAtomically: () => ({ successful: true, reason: '' }),
    getLogger: () => ({ debug: log, info: log, warn: log, error: log, fatal: log }),
    getClock: () => ({ now: () => ({ nanoseconds: 0n }) }),
    createPublisher: (_: string, topic: string) => endpoint(topic),
    createSubscription: (_: string, __: string, ___: object, callback: typeof policy) =>
      (policy = callback),
    destroyClient: () => undefined,
    createClient: (_: string, service: string) => ({
      isServiceServerAvailable: () => service === '/nalu/stop',
      sendRequestAsync: () => {
        heard.stops++;
        return Promise.resolve({ success: true, message: 'the robot holds' });
      },
    }),
  } as unknown as RosNode;
  class Made {}
  const ros = {
    QoS: Made,
    QoSOverridingOptions: { withDefaultPolicies: () => ({}) },
    Parameter: Made,
    ParameterDescriptor: Made,
  } as unknown as Ros;
  return { ros, node, heard };
}

describe('a replay', () => {
  it('lasts as long as its recording, says that it is over, stops the policy and ends', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'nalu-replay-'));
    try {
      const bag = join(folder, 'bag.mcap');
      await recordBag(bag);
      const calibration = 'calibration/aloha-1.0.yaml';
      const { ros, node, heard } = rehearsal({ bag, calibration });
      const { done } = await startReplayNode(ros, node);
      await done;
      assert.ok(heard.clocks > STEPS);
      assert.equal(heard.stops, 1);
      assert.ok(heard.lines.includes('the recording is over: the end of the bag'));
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
