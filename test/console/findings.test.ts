import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findingsAnswer } from '../../src/console/findings.ts';
import type { Finding } from '../../src/console/protocol.ts';

describe('the findings of the set-up page', () => {
  it('are those of the doctor, each with what it is about and what was found', async () => {
    const { value } = await findingsAnswer([]).findings!(null as never, undefined as never);
    const findings = value as Finding[];
    assert.ok(findings.some(({ topic }) => topic === 'ONNX Runtime'));
    for (const { topic, severity, message } of findings) {
      assert.ok(topic, message);
      assert.ok(['ok', 'note', 'error'].includes(severity), message);
      assert.doesNotMatch(message, /undefined/);
    }
  });
});
