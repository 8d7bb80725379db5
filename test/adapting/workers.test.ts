import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { packagePath } from '../../src/files/packagePath.ts';
import { nalu, spawnNalu } from '../cli/nalu.ts';
import { until } from '../link/link.ts';
import { NO_NATS, withNats } from '../nats/server.ts';
import { withFolder } from '../onnx/run.ts';
import { assertAbout } from '../refusals.ts';
import { SETTINGS } from './survive.ts';

type Child = Parameters<NonNullable<Parameters<typeof spawnNalu>[1]>>[0];

/** A worker as a process of its own, with one process that makes attempts. */
function startWorker(address: string) {
  let child!: Child;
  let said = '';
  const ended = spawnNalu(['worker', address, '--processes', '1'], (started) => {
    child = started;
    child.stdout!.on('data', (text: Buffer) => (said += text.toString()));
  });
  return {
    said: () => said,
    async end(signal: 'SIGTERM' | 'SIGKILL') {
      child.kill(signal);
      return ended;
    },
  };
}

/** Three attempts, some of which succeed, and the update that is learned from them; gives the versions. */
async function versionsOf(folder: string, name: string, more: string[]): Promise<string[]> {
  const policy = packagePath('models/aloha-mini-12k');
  const config = join(folder, 'fpo.yaml');
  await writeFile(config, JSON.stringify(SETTINGS));
  const run = join(folder, name);
  const { code, err } = await spawnNalu([
    ...['adapt', run, '--policy', policy, '--gap', join(policy, 'cameras-off.yaml')],
    ...['--config', config, '--episodes', '3', '--batch', '3', '--attempts', '0', ...more],
  ]);
  assert.equal(code, 0, err);
  return (await readdir(join(run, 'learner/versions'))).sort();
}

describe('nalu adapt with workers', { timeout: 480_000, skip: NO_NATS }, () => {
  it('comes to the same version as with its own processes: with one, and with two of which one is killed', () =>
    withNats(({ address }) =>
      withFolder(async (folder) => {
        const workers = ['--workers', address];
        const own = await versionsOf(folder, 'own', []);
        assert.equal(own.length, 2);
        const first = startWorker(address);
        assert.deepEqual(await versionsOf(folder, 'one', workers), own);
        const second = startWorker(address);
        const runs = () => first.said().match(/: aloha-mini-12k, transfer-cube/g)?.length ?? 0;
        const before = runs();
        const killed = versionsOf(folder, 'killed', workers);
        await until(() => runs() > before);
        await setTimeout(500);
        await first.end('SIGKILL');
        assert.deepEqual(await killed, own);
        assert.equal((await second.end('SIGTERM')).code, 130);
      }),
    ));

  it('says why it cannot have them, as a worker does', () =>
    withNats(async ({ address }) => {
      await withFolder(async (folder) => {
        const { failure } = await nalu(['adapt', join(folder, 'run'), '--workers', address]);
        assertAbout(failure, { kind: 'unsupported', subject: address, names: ['JetStream'] });
        assert.deepEqual(await readdir(join(folder, 'run/learner')), [], 'nothing was begun');
      });
      const { failure, code } = await nalu(['worker', address]);
      assertAbout(failure, { kind: 'unsupported', subject: address, names: ['JetStream'] });
      assert.equal(code, 1);
    }, ' '));
});
