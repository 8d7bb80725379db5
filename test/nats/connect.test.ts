import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, copyFile, mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createUser } from '@nats-io/nkeys';
import { RequestError } from '@nats-io/transport-node';
import { parseNats } from '../../src/nats/address.ts';
import { connectNats } from '../../src/nats/connect.ts';
import { until } from '../link/link.ts';
import { withFolder } from '../onnx/run.ts';
import { startRelay } from './relay.ts';
import { NO_NATS, withNats } from './server.ts';
import { assertRejectsAbout, assertSaid, assertThrowsAbout } from '../refusals.ts';

const LIMIT = { timeout: 60_000, skip: NO_NATS };

const named = (address: string, user: string) => address.replace('//', `//${user}@`);

/** A folder with the keys of a new user; gives its public key. */
async function makeUser(folder: string): Promise<string> {
  const user = createUser();
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'user.nk'), user.getSeed(), { mode: 0o600 });
  return user.getPublicKey();
}

describe('an address of a NATS server', () => {
  it('names who dials, and where', () => {
    assert.deepEqual(parseNats('nats://cell-3@10.0.0.5:4333'), {
      name: 'cell-3',
      host: '10.0.0.5',
      port: '4333',
    });
    assert.deepEqual(parseNats('nats://a:secret@[::1]'), {
      name: 'a',
      password: 'secret',
      host: '[::1]',
      port: '4222',
    });
    assert.match(parseNats('nats://localhost').name, /^[\w-]+$/);
  });

  it('is refused in a sentence that keeps its password', () => {
    for (const [address, subject, ...names] of [
      ['nats://', 'nats://'],
      ['nats://a:secret@host:port', 'nats://a@host:port'],
      ['nats://a:secret@host:70000', 'nats://a@host:70000', '70000'],
      ['nats://a.b:secret@host', 'nats://a.b@host', 'a.b'],
    ] as const)
      assertThrowsAbout(() => parseNats(address), { kind: 'invalid', subject, names });
  });
});

describe('a connection to a NATS server', LIMIT, () => {
  it('has JetStream, and is dialled again when the server comes back', (t) =>
    withNats(async (server) => {
      const changes: (string | undefined)[] = [];
      const nats = await connectNats({
        address: named(server.address, 'cell-3'),
        onChange: (broken) => changes.push(broken),
      });
      t.after(() => nats.close());
      await nats.manager.streams.add({ name: 'some', subjects: ['some.>'] });
      await nats.jetstream.publish('some.thing', 'one');
      await server.kill();
      await until(() => changes.length === 1);
      assertSaid(changes[0]!, 'nats://cell-3@127.0.0.1');
      await server.restart();
      await until(() => changes.length === 2);
      assert.equal(changes[1], undefined);
      const { state } = await nats.manager.streams.info('some');
      assert.equal(state.messages, 1);
    }));

  it('is dialled again although the clock went back a day', (t) =>
    withNats(async (server) => {
      const changes: (string | undefined)[] = [];
      const { address } = server;
      const nats = await connectNats({ address, onChange: (broken) => changes.push(broken) });
      t.after(() => nats.close());
      const now = Date.now.bind(Date);
      t.mock.method(Date, 'now', () => now() - 86_400_000);
      await server.kill();
      await until(() => changes.length === 1);
      await server.restart();
      await until(() => changes.at(-1) === undefined);
    }));

  it('ends what was asked over it when it breaks, and asks nothing without it', (t) =>
    withNats(async ({ address }) => {
      const relay = await startRelay(address);
      t.after(() => relay.close());
      let isBroken = false;
      const nats = await connectNats({
        address: relay.address,
        onChange: (broken) => (isBroken = broken !== undefined),
      });
      t.after(() => nats.close());
      relay.hush();
      const asked = nats.manager.getAccountInfo();
      relay.cut();
      await assert.rejects(asked, RequestError);
      await until(() => isBroken);
      await assert.rejects(nats.manager.getAccountInfo(), RequestError);
      relay.mend();
      await until(() => !isBroken);
      await nats.manager.getAccountInfo();
    }));

  it('says what is wrong where it cannot be used', () =>
    withNats(async ({ address }) => {
      await assertRejectsAbout(connectNats({ address }), {
        kind: 'unsupported',
        subject: address,
        names: ['jetstream { store_dir: FOLDER }'],
      });
      await assertRejectsAbout(connectNats({ address: 'nats://127.0.0.1:1' }), {
        kind: 'unreachable',
        subject: 'nats://127.0.0.1:1',
      });
    }, ' '));

  it('says that who listens there says nothing', async () => {
    const mute = createServer((socket) => void socket.destroy()).listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const address = `nats://127.0.0.1:${(mute.address() as AddressInfo).port}`;
    try {
      await assertRejectsAbout(connectNats({ address }), {
        ...{ kind: 'unreachable', subject: address, names: ['ends the connection'] },
      });
    } finally {
      mute.close();
    }
  });

  it('is closed although its server is gone', () =>
    withNats(async (server) => {
      const nats = await connectNats({ address: server.address });
      await server.kill();
      await nats.close();
    }));

  it('is refused by a server that is too old', async () => {
    const old = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.write(
        'INFO {"server_id":"x","version":"2.8.4","max_payload":1048576,"headers":true}\r\n',
      );
      socket.on('data', (data) => data.includes('PING') && socket.write('PONG\r\n'));
    }).listen(0, '127.0.0.1');
    await once(old, 'listening');
    const { port } = old.address() as AddressInfo;
    try {
      await assertRejectsAbout(connectNats({ address: `nats://127.0.0.1:${port}` }), {
        kind: 'unsupported',
        subject: `nats://127.0.0.1:${port}`,
        names: ['2.8.4', '2.9'],
      });
    } finally {
      old.close();
    }
  });

  it('proves itself with the key of its folder', () =>
    withFolder(async (folder) => {
      const [known, unknown] = [join(folder, 'known'), join(folder, 'unknown')];
      const key = await makeUser(known);
      await makeUser(unknown);
      const config = `jetstream { store_dir: "FOLDER/store" }\nauthorization { users: [ { nkey: ${key} } ] }\n`;
      await withNats(async ({ address }) => {
        const nats = await connectNats({ address, keys: known });
        await nats.close();
        await assertRejectsAbout(connectNats({ address, keys: unknown }), {
          kind: 'unsaid',
          subject: address,
          fields: ['--keys'],
          names: [unknown],
        });
        await assertRejectsAbout(connectNats({ address }), {
          kind: 'unsaid',
          subject: address,
          fields: ['--keys'],
          names: ['nalu keys FOLDER --nats'],
        });
        await chmod(join(known, 'user.nk'), 0o644);
        await assertRejectsAbout(connectNats({ address, keys: known }), {
          kind: 'invalid',
          subject: 'user.nk',
          names: ['chmod 600'],
        });
        await writeFile(join(unknown, 'user.nk'), 'SUA');
        await assertRejectsAbout(connectNats({ address, keys: unknown }), {
          kind: 'invalid',
          subject: 'user.nk',
          names: ['nalu keys --nats'],
        });
        await assertRejectsAbout(connectNats({ address, keys: folder }), {
          kind: 'missing',
          subject: folder,
          names: ['user.nk', 'user.creds', 'nalu keys FOLDER --nats'],
        });
      }, config);
    }));

  it('is encrypted, to a server whose authority is in its folder', (t) =>
    withFolder(async (folder) => {
      const pem = (name: string) => join(folder, `${name}.pem`);
      try {
        execFileSync('openssl', [
          ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'],
          ...['-nodes', '-days', '2', '-subj', '/CN=fleet', '-addext', 'subjectAltName=IP:127.0.0.1'],
          ...['-keyout', pem('key'), '-out', pem('cert')],
        ], { stdio: 'ignore' }); // prettier-ignore
      } catch {
        return t.skip('there is no openssl here to make a certificate with');
      }
      const [right, wrong] = [join(folder, 'right'), join(folder, 'wrong')];
      const key = await makeUser(right);
      await mkdir(wrong);
      await copyFile(join(right, 'user.nk'), join(wrong, 'user.nk'));
      await copyFile(pem('cert'), join(right, 'ca.pem'));
      const config = `jetstream { store_dir: "FOLDER/store" }
        authorization { users: [ { nkey: ${key} } ] }
        tls { cert_file: "${pem('cert')}", key_file: "${pem('key')}" }\n`;
      await withNats(async ({ address }) => {
        const nats = await connectNats({ address, keys: right });
        await nats.close();
        await assertRejectsAbout(connectNats({ address, keys: wrong }), {
          kind: 'unreachable',
          subject: address,
        });
      }, config);
    }));
});
