import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UserError } from '../../src/errors.ts';
import { ServiceAbsent, callService } from '../../src/ros/serviceCall.ts';
import { callTrigger } from '../../src/ros/trigger.ts';
import { fakeNode } from './fakeNode.ts';

const service = { type: 'std_srvs/srv/Trigger', name: '/reset' };

describe('a call of a service', () => {
  it('gives its answer', async () => {
    const { node, services } = fakeNode();
    services.set('/reset', ({ seed }, answer) => answer({ seen: seed }));
    assert.deepEqual(await callService(node, { ...service, request: { seed: 7 } }), { seen: 7 });
  });

  it('ends where the service never appears, or never answers', async () => {
    const { node, services } = fakeNode();
    await assert.rejects(callService(node, { ...service, appears: 50 }), ServiceAbsent);
    services.set('/reset', () => undefined);
    await assert.rejects(callService(node, { ...service, answers: 50 }), (error: unknown) => {
      assert.ok(error instanceof UserError && !(error instanceof ServiceAbsent));
      assert.match(error.message, /^\/reset: no answer within 0\.05 s; check the node that offers/);
      return true;
    });
  });

  it('ends at once when it is aborted, with the reason', async () => {
    const { node, services } = fakeNode();
    const waits = callService(node, { ...service, signal: AbortSignal.abort() });
    await assert.rejects(waits, /stopped by hand/);
    services.set('/reset', () => undefined);
    const abort = new AbortController();
    const asked = callTrigger(node, '/reset', abort.signal);
    abort.abort(new UserError('/teleoperation commands too'));
    await assert.rejects(asked, /^UserError: \/teleoperation commands too$/);
  });

  it('is refused where a trigger says no', async () => {
    const { node, services } = fakeNode();
    services.set('/reset', (_, answer) => answer({ success: false, message: 'no scene' }));
    await assert.rejects(callTrigger(node, '/reset'), /^UserError: \/reset: no scene$/);
  });
});
