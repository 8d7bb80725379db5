import assert from 'node:assert/strict';
import { chmod, copyFile, mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Router, curveKeyPair } from 'zeromq';
import { folderAddress, parseAddress } from '../../src/link/wire/address.ts';
import { makeKeys } from '../../src/link/wire/keys.ts';
import { nalu } from '../cli/nalu.ts';
import { withFolder } from '../onnx/run.ts';
import { kept, putEpisodes, until, withPlace } from './link.ts';
import { hello, rawRuntime } from './raw.ts';
import { assertAbout, assertRejectsAbout, assertSaid, assertThrowsAbout } from '../refusals.ts';

const LIMIT = { timeout: 60_000 };
const ANY_PORT = 'tcp://127.0.0.1:*';

describe('nalu keys', LIMIT, () => {
  it('makes both sides their keys, secret where they should be, and overwrites none', () =>
    withFolder(async (folder) => {
      const keys = join(folder, 'keys');
      const { code, out } = await nalu(['keys', keys]);
      assert.equal(code, 0);
      const files = ['learner.key', 'learner.pub', 'runtime.key', 'runtime.pub'];
      assert.deepEqual((await readdir(keys)).sort(), files);
      assert.deepEqual(
        out.trim().split('\n'),
        files.map((file) => join(keys, file)),
      );
      for (const file of files)
        assert.equal(
          (await stat(join(keys, file))).mode & 0o077,
          file.endsWith('.key') ? 0 : 0o044,
        );
      const before = await readFile(join(keys, 'learner.key'));
      const again = await nalu(['keys', keys]);
      assert.equal(again.code, 1);
      assertAbout(again.failure, { kind: 'exists', subject: join(keys, 'learner.key') });
      assert.deepEqual(await readFile(join(keys, 'learner.key')), before);
    }));

  it('makes all of them or none', () =>
    withFolder(async (folder) => {
      for (const file of ['learner.key', 'learner.pub', 'runtime.key', 'runtime.pub']) {
        const keys = join(folder, file);
        await mkdir(keys);
        await writeFile(join(keys, file), 'mine');
        await assertRejectsAbout(makeKeys(keys), { kind: 'exists', subject: join(keys, file) });
        assert.deepEqual(await readdir(keys), [file]);
        assert.equal(await readFile(join(keys, file), 'utf8'), 'mine');
      }
    }));

  it('says in a sentence that there is a file in the place of their folder', () =>
    withFolder(async (folder) => {
      await writeFile(join(folder, 'keys'), 'no folder');
      for (const keys of [join(folder, 'keys'), join(folder, 'keys', 'mine')]) {
        const { code, failure } = await nalu(['keys', keys]);
        assert.equal(code, 1);
        assertAbout(failure, { kind: keys.endsWith('mine') ? 'invalid' : 'exists', subject: keys });
      }
    }));
});

describe('the link over TCP', LIMIT, () => {
  it('demands keys of both sides', () =>
    withPlace(async ({ folder, openLearner, openRuntime }) => {
      await assertRejectsAbout(openLearner({ address: ANY_PORT }), {
        kind: 'unsaid',
        fields: ['--keys'],
        names: ['nalu keys FOLDER'],
      });
      await assertRejectsAbout(openRuntime({ address: 'tcp://127.0.0.1:5570' }), {
        kind: 'unsaid',
        fields: ['--keys'],
        names: ['nalu keys FOLDER'],
      });
      await assertRejectsAbout(openLearner({ address: ANY_PORT, keys: join(folder, 'none') }), {
        kind: 'missing',
        subject: 'none/learner.key',
        names: ['nalu keys FOLDER'],
      });
      const keys = join(folder, 'keys');
      await makeKeys(keys);
      await chmod(join(keys, 'learner.key'), 0o644);
      await assertRejectsAbout(openLearner({ address: ANY_PORT, keys }), {
        kind: 'invalid',
        subject: 'learner.key',
        names: ['chmod 600'],
      });
    }));

  it('carries episodes between sides that know each other', () =>
    withPlace(async ({ folder, episodes, learnerFolder, openLearner, openRuntime }) => {
      const keys = join(folder, 'keys');
      await makeKeys(keys);
      const sent = await putEpisodes(episodes, ['one'], 2_500_000);
      const { address } = await openLearner({ address: ANY_PORT, keys });
      assert.match(address, /^tcp:\/\/127\.0\.0\.1:\d+$/);
      const courier = await openRuntime({ address, keys });
      await until(() => courier.status().acknowledged === 1);
      assert.deepEqual(await kept(learnerFolder), sent);
    }));

  it('serves every robot whose public key lies beside the first', () =>
    withPlace(async ({ folder, episodes, openLearner, openRuntime }) => {
      const [keys, second] = [join(folder, 'keys'), join(folder, 'second')];
      await makeKeys(keys);
      await makeKeys(second);
      await copyFile(join(second, 'runtime.pub'), join(keys, 'second-robot.pub'));
      await copyFile(join(keys, 'learner.pub'), join(second, 'learner.pub'));
      await putEpisodes(episodes, ['one']);
      const { address } = await openLearner({ address: ANY_PORT, keys });
      const courier = await openRuntime({ address, keys: second });
      await until(() => courier.status().acknowledged === 1);
    }));

  it('turns a robot away that the learner does not know; both name the reason', () =>
    withPlace(async ({ folder, openLearner, openRuntime, learnerLog, runtimeLog }) => {
      const [keys, stranger] = [join(folder, 'keys'), join(folder, 'stranger')];
      await makeKeys(keys);
      await makeKeys(stranger);
      await copyFile(join(keys, 'learner.pub'), join(stranger, 'learner.pub'));
      const { address } = await openLearner({ address: ANY_PORT, keys });
      const courier = await openRuntime({ address, keys: stranger });
      await until(() => learnerLog.length > 0 && runtimeLog.length > 0);
      const theirs = (await readFile(join(stranger, 'runtime.pub'), 'utf8')).trim();
      assertSaid(learnerLog[0], '127.0.0.1', 'runtime.pub', keys);
      assert.ok(learnerLog[0].includes(theirs));
      assertSaid(runtimeLog[0], address, 'runtime.pub');
      assert.equal(courier.status().connected, false);
    }));

  it('takes nothing from a learner that does not have the key that the robot expects', () =>
    withPlace(async ({ folder, openLearner, openRuntime, learnerLog, runtimeLog, adopted }) => {
      const [keys, robot] = [join(folder, 'keys'), join(folder, 'robot')];
      await makeKeys(keys);
      await mkdir(robot);
      for (const file of ['runtime.key', 'runtime.pub'])
        await copyFile(join(keys, file), join(robot, file));
      await writeFile(join(robot, 'learner.pub'), curveKeyPair().publicKey);
      const { address } = await openLearner({ address: ANY_PORT, keys });
      const courier = await openRuntime({ address, keys: robot });
      await until(() => learnerLog.length > 0 && runtimeLog.length > 0);
      assertSaid(learnerLog[0], "this learner's public key");
      assertSaid(runtimeLog[0], address);
      assert.equal(courier.status().connected, false);
      assert.deepEqual(adopted, []);
    }));

  it('gets through to a learner as soon as it is there, where something without keys listened before', () =>
    withPlace(async ({ folder, episodes, openLearner, openRuntime, runtimeLog }) => {
      const keys = join(folder, 'keys');
      await makeKeys(keys);
      await putEpisodes(episodes, ['one']);
      const other = new Router({ linger: 0 });
      await other.bind(ANY_PORT);
      const address = other.lastEndpoint!;
      const courier = await openRuntime({ address, keys });
      await until(() => runtimeLog.length > 0);
      assertSaid(runtimeLog[0], address);
      other.close();
      await openLearner({ address, keys });
      await until(() => courier.status().acknowledged === 1);
    }));

  it('answers nobody who speaks without keys', () =>
    withPlace(async ({ folder, openLearner, learnerLog }) => {
      const keys = join(folder, 'keys');
      await makeKeys(keys);
      const { address } = await openLearner({ address: ANY_PORT, keys });
      const plain = rawRuntime(address, { receiveTimeout: 300, sendTimeout: 300 });
      await assert.rejects(plain.say(hello()).then(() => plain.hear('welcome')));
      await until(() => learnerLog.length > 0);
      assertSaid(learnerLog[0], 'speaks without keys');
      plain.close();
    }));
});

describe('an address', LIMIT, () => {
  it('is a socket file of a folder or a port', () => {
    assert.deepEqual(parseAddress(folderAddress('/run/nalu')), {
      kind: 'ipc',
      path: '/run/nalu/learner.sock',
    });
    assert.deepEqual(parseAddress('tcp://10.0.0.5:5570'), {
      kind: 'tcp',
      host: '10.0.0.5',
      port: '5570',
    });
    assertThrowsAbout(() => parseAddress('10.0.0.5:5570'), {
      kind: 'invalid',
      subject: '10.0.0.5:5570',
      names: ['ipc:///ABSOLUTE/PATH', 'tcp://HOST:PORT', 'nats://NAME@HOST:PORT'],
    });
    assertThrowsAbout(() => parseAddress(folderAddress(`/tmp/${'long/'.repeat(30)}`)), {
      kind: 'invalid',
      names: [107],
    });
  });

  it('has a port that there is', () => {
    for (const port of ['0', '65536', '99999', '099999', '123456789012345678901'])
      assertThrowsAbout(() => parseAddress(`tcp://10.0.0.5:${port}`), {
        kind: 'invalid',
        subject: `tcp://10.0.0.5:${port}`,
        names: [port, 65535],
      });
    for (const port of ['1', '65535', '*'])
      assert.deepEqual(parseAddress(`tcp://[::1]:${port}`), { kind: 'tcp', host: '[::1]', port });
  });

  it('names somebody, where one is to connect to it', () =>
    withPlace(async ({ openRuntime, folder }) => {
      for (const address of ['tcp://*:5570', 'tcp://10.0.0.5:*'])
        await assertRejectsAbout(openRuntime({ address, keys: folder }), {
          kind: 'invalid',
          subject: address,
        });
    }));
});
