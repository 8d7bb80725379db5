import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { textReport } from '../../src/doctor/report.ts';
import { withFolder } from '../onnx/run.ts';
import { assertAbout, assertSaid } from '../refusals.ts';
import { nalu } from './nalu.ts';
import type { Finding } from '../../src/doctor/finding.ts';

interface Summary {
  ok: number;
  lack: number;
  absent: number;
  needed: string[];
}

async function doctor(args: string[] = []) {
  const { out, failure } = await nalu(['doctor', '--json', ...args]);
  const lines = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Finding | { summary: Summary } | { error: object });
  const findings = lines.filter((line) => 'part' in line);
  const [{ summary }] = lines.filter((line) => 'summary' in line);
  const find = (name: string) => findings.find((finding) => finding.name === name)!;
  return { failure, findings, summary, find };
}

/** Runs `body` with a script that every Node.js process loads first. */
const withScript = (script: string, body: (folder: string) => Promise<void>) =>
  withFolder(async (folder) => {
    const path = join(folder, 'first.cjs');
    await writeFile(path, script);
    const { NODE_OPTIONS: before } = process.env;
    process.env.NODE_OPTIONS = `--require=${path}`;
    try {
      await body(folder);
    } finally {
      if (before === undefined) delete process.env.NODE_OPTIONS;
      else process.env.NODE_OPTIONS = before;
    }
  });

describe('nalu doctor', () => {
  it('finds here what the simulated robot needs, each thing tried', async () => {
    const { failure, findings, summary, find } = await doctor();
    assert.equal(failure, undefined);
    assert.deepEqual(summary.needed, []);
    for (const name of [
      'Node.js',
      'MuJoCo',
      'sharp',
      'ZeroMQ',
      'msgpackr',
      'cpu',
      'bundle',
      'memory',
    ])
      assert.equal(find(name).state, 'ok', `${name}: ${find(name).found}`);
    assert.match(find('onnxruntime-node').found, /^1\.\d+\.\d+, .*\bcpu\b/);
    assert.match(find('ZeroMQ').found, /^4\.\d+\.\d+, /);
    for (const name of ['onnxruntime-node', 'ZeroMQ']) assertSaid(find(name).found);
    assert.equal(summary.ok + summary.lack + summary.absent, findings.length);
  });

  it('says of every lack what to do next, outlives a library that crashes, and ends with 1', () =>
    withScript(`if (process.argv[2] === 'sharp') process.abort();`, async (folder) => {
      const session = join(folder, 'session.yaml');
      await writeFile(session, 'executionProviders: [tensorrt, cuda, webgpu]\n');
      const { failure, findings, summary, find } = await doctor(['/nowhere', '--session', session]);
      assert.equal(failure?.exitCode, 1);
      assert.deepEqual(summary.needed, ['sharp', 'bundle']);
      assertAbout(failure, {
        ...{ kind: 'missing', fields: ['sharp', 'bundle'] },
        names: ['sharp, bundle'],
      });
      for (const { name, state, next } of findings)
        if (state === 'lack') assert.ok(next, `${name} has no next step`);
      // What a session names is wanted, whatever the hardware.
      for (const name of ['tensorrt', 'cuda', 'webgpu'])
        assert.notEqual(find(name).state, 'absent');
      assertSaid(find('sharp').found, 'SIGABRT');
      assertSaid(find('sharp').next!, 'npm ci');
      assert.equal(find('ZeroMQ').state, 'ok');

      const table = textReport(findings, { bundle: '/nowhere', out: process.stdout }).join('\n');
      assert.match(table, /^machine\n {2}ok {4}Node\.js +\d+\.\d+\.\d+\n/);
      const { found, next } = find('bundle');
      assertSaid(found, '/nowhere/policy.json');
      assertSaid(next!);
      assert.match(table, /\npolicy\n {2}LACK {2}bundle +\/nowhere.*\n +→ /);
      assert.ok(table.includes(found) && table.includes(`→ ${next}`));
    }));
});
