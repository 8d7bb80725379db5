import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { UserError } from '../../src/errors.ts';
import { reasonOf, toldOf } from '../../src/systemErrors.ts';
import { unwritable } from '../../src/files/writeWhole.ts';
import { withFolder } from '../onnx/run.ts';
import { assertSaid } from '../refusals.ts';

/** What is told of a call that fails. */
const toldOfCall = (call: () => Promise<unknown>): Promise<string | undefined> =>
  call().then(() => assert.fail('it did not fail'), toldOf);

describe('a failed system call', () => {
  it('is told with its path, why, and what to do', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'file');
      await writeFile(file, '');
      const nowhere = join(folder, 'nowhere');
      const [a, b] = [join(folder, 'a'), join(folder, 'b')];
      for (const [call, path] of [
        [() => mkdir(file, { recursive: true }), file],
        [() => mkdir(join(file, 'x'), { recursive: true }), `${file}/x`],
        [() => readdir(nowhere), nowhere],
        [() => writeFile(folder, ''), folder],
        [() => rename(a, b), `${a} → ${b}`],
      ] as const)
        assertSaid((await toldOfCall(call))!, path);
    }));

  it('is told of what its caller was to write, not of a temporary file, whatever its reason', () => {
    const failed = Object.assign(
      new Error("EILSEQ: illegal byte sequence, open '/disk/a:b.12-3f.partial'"),
      { code: 'EILSEQ', syscall: 'open', path: '/disk/a:b.12-3f.partial' },
    );
    const { message } = unwritable('/disk/a:b', failed) as Error;
    assertSaid(message, '/disk/a:b', 'EILSEQ: illegal byte sequence');
    assert.ok(!message.includes('partial'));
  });

  it('is told where no machine has the name that was given', () => {
    const failed = Object.assign(new Error('getaddrinfo ENOTFOUND robto'), {
      ...{ code: 'ENOTFOUND', syscall: 'getaddrinfo', hostname: 'robto' },
    });
    assertSaid(reasonOf(failed));
  });

  it('is told with its address and port', async () => {
    const [first, second] = [createServer(), createServer()];
    await once(first.listen(0, '127.0.0.1'), 'listening');
    const { port } = first.address() as AddressInfo;
    const [error] = (await once(second.listen(port, '127.0.0.1'), 'error')) as [Error];
    first.close();
    assertSaid(toldOf(error)!, `127.0.0.1:${port}`);
  });
});

describe('any other error', () => {
  it('is told as it says where a person can mend it, and not at all where the program is at fault', () => {
    assert.equal(toldOf(new UserError('give another')), 'give another');
    assert.equal(toldOf(new TypeError('x is undefined')), undefined);
    assert.equal(toldOf('thrown text'), undefined);
  });
});
