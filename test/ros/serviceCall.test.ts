import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UserError } from '../../src/errors.ts';
import { ServiceAbsent, callService } from '../../src/ros/serviceCall.ts';
import { callTrigger } from '../../src/ros/trigger.ts';
import { assertAbout, assertRejectsAbout } from '../refusals.ts';
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
      assertAbout(error, { kind: 'unreachable', subject: '/reset', names: ['/reset', '0.05 s'] });
      return !(error instanceof ServiceAbsent);
    });
  });

  it('ends at once when it is aborted, with the reason', async () => {
    const { node, services } = fakeNode();
    const waits = callService(node, { ...service, signal: AbortSignal.abort() });
    await assertRejectsAbout(waits, { kind: 'ended', names: ['by hand'] });
    services.set('/reset', () => undefined);
    const abort = new AbortController();
    const asked = callTrigger(node, '/reset', abort.signal);
    abort.abort(new UserError('/teleoperation commands too'));
    await assert.rejects(asked, new UserError('/teleoperation commands too'));
  });

  it('is refused where a trigger says no', async () => {
    const { node, services } = fakeNode();
    services.set('/reset', (_, answer) => answer({ success: false, message: 'no scene' }));
    await assert.rejects(callTrigger(node, '/reset'), {
      ...{ name: 'UserError', kind: 'unready', subject: '/reset' },
      message: '/reset: no scene',
    });
  });
});
