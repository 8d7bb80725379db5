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

/** What is told of a call that fails. */
const toldOfCall = (call: () => Promise<unknown>): Promise<string | undefined> =>
  call().then(() => assert.fail('it did not fail'), toldOf);

describe('a failed system call', () => {
  it('is told with its path, why, and what to do', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'file');
      await writeFile(file, '');
      const cases: [() => Promise<unknown>, string][] = [
        [
          () => mkdir(file, { recursive: true }),
          `${file}: cannot be made: something of that name is there already; give another path, or move it away`,
        ],
        [
          () => mkdir(join(file, 'x'), { recursive: true }),
          `${file}/x: cannot be made: a part of its path is a file, where a folder is needed; give another path`,
        ],
        [
          () => readdir(join(folder, 'nowhere')),
          `${folder}/nowhere: cannot be read: there is no such file or folder; is the path right?`,
        ],
        [
          () => writeFile(folder, ''),
          `${folder}: cannot be opened: it is a folder, where a file is needed; give a file`,
        ],
        [
          () => rename(join(folder, 'a'), join(folder, 'b')),
          `${folder}/a → ${folder}/b: cannot be renamed: there is no such file or folder; is the path right?`,
        ],
      ];
      for (const [call, expected] of cases) assert.equal(await toldOfCall(call), expected);
    }));

  it('is told of what its caller was to write, not of a temporary file, whatever its reason', () => {
    const failed = Object.assign(
      new Error("EILSEQ: illegal byte sequence, open '/disk/a:b.12-3f.partial'"),
      { code: 'EILSEQ', syscall: 'open', path: '/disk/a:b.12-3f.partial' },
    );
    assert.equal(
      (unwritable('/disk/a:b', failed) as Error).message,
      '/disk/a:b: cannot be written: EILSEQ: illegal byte sequence',
    );
  });

  it('is told where no machine has the name that was given', () => {
    const failed = Object.assign(new Error('getaddrinfo ENOTFOUND robto'), {
      ...{ code: 'ENOTFOUND', syscall: 'getaddrinfo', hostname: 'robto' },
    });
    assert.equal(reasonOf(failed), 'no machine of that name is known; is the name right?');
  });

  it('is told with its address and port', async () => {
    const [first, second] = [createServer(), createServer()];
    await once(first.listen(0, '127.0.0.1'), 'listening');
    const { port } = first.address() as AddressInfo;
    const [error] = (await once(second.listen(port, '127.0.0.1'), 'error')) as [Error];
    first.close();
    assert.equal(
      toldOf(error),
      `127.0.0.1:${port}: cannot be listened at: another process listens there; end it, or give another port`,
    );
  });
});

describe('any other error', () => {
  it('is told as it says where a person can mend it, and not at all where the program is at fault', () => {
    assert.equal(toldOf(new UserError('give another')), 'give another');
    assert.equal(toldOf(new TypeError('x is undefined')), undefined);
    assert.equal(toldOf('thrown text'), undefined);
  });
});
