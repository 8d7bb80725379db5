import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { onWarning } from '../../src/warnings.ts';
import { UserError } from '../../src/errors.ts';
import { openProcess, openThread, startProcess } from '../../src/processes/child.ts';
import { openPool } from '../../src/processes/pool.ts';
import { createQueue } from '../../src/processes/queue.ts';
import { keepRunning } from '../../src/processes/restart.ts';
import { until } from '../link/link.ts';
import { withFolder } from '../onnx/run.ts';
import { assertRejectsAbout, assertSaid } from '../refusals.ts';
import type { ParentFunctions, ServiceData, ServiceFunctions } from './service.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const module = new URL('./service.js', import.meta.url);
const local: ParentFunctions = { double: (value) => 2 * value };
const options = { name: 'the child', local };
const kinds = {
  thread: (data?: ServiceData) => openThread<ServiceFunctions>(module, { ...options, data }),
  process: (data?: ServiceData) => openProcess<ServiceFunctions>(module, { ...options, data }),
};

const started = (data?: ServiceData) =>
  startProcess<ServiceFunctions>(module, { ...options, data });

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

const isUserError = (message: string, exitCode: number) => (error: unknown) =>
  error instanceof UserError && error.message === message && error.exitCode === exitCode;

for (const [kind, open] of Object.entries(kinds))
  describe(`a child ${kind}`, () => {
    it('answers calls as they are done, and may call its parent', async () => {
      const child = await open();
      const answers: string[] = [];
      await Promise.all(
        [60, 0].map(async (delay) =>
          answers.push(await child.ask('sleep', delay, `after ${delay} ms`)),
        ),
      );
      assert.deepEqual(answers, ['after 0 ms', 'after 60 ms']);
      assert.equal(await child.ask('twice', 21), 42);
      assert.deepEqual(await child.ask('zeros', 3), new Float32Array(3));
      await child.close();
    });

    it('passes its warnings on to the listeners of its parent', async () => {
      const warnings: string[] = [];
      const stop = onWarning((text) => warnings.push(text));
      const child = await open();
      await child.ask('warn', 'a fan is slow');
      stop();
      await child.ask('warn', 'nobody listens');
      await child.close();
      assert.deepEqual(warnings, ['a fan is slow']);
    });

    it('keeps what an error is, and goes on', async () => {
      const child = await open();
      await assert.rejects(child.ask('refuse', 'no such file'), isUserError('no such file', 3));
      const about = { kind: 'missing', subject: 'x.bag', fields: ['a'] };
      await assert.rejects(child.ask('refuse', 'no such file'), about);
      await assert.rejects(child.ask('zeros', -1), (error: Error) => {
        assert.ok(!(error instanceof UserError));
        assert.match(error.stack!, /service\.js/);
        return true;
      });
      // An answer that cannot be cloned is an error too.
      await assert.rejects(child.ask('wrongAnswer'));
      assert.equal((await child.ask('zeros', 3)).length, 3);
      await child.close();
    });

    it('rejects with what opening threw', () =>
      assert.rejects(open({ fault: 'no keys' }), isUserError('no keys', 1)));

    it('rejects every call that waits when it ends, and each later one, with how it ended', async () => {
      const child = await open();
      const how = { kind: 'unready', names: ['the child', 'exit code 7'] } as const;
      const waiting = [child.ask('sleep', 60_000, ''), child.ask('exit', 7), child.ended];
      await Promise.all(waiting.map((call) => assertRejectsAbout(call, how)));
      await assertRejectsAbout(child.ask('zeros', 1), how);
      await child.close();
    });

    it('closes its service before it ends, once', () =>
      withFolder(async (folder) => {
        const log = join(folder, 'log');
        const child = await open({ log });
        await Promise.all([child.close(), child.close()]);
        assert.equal(await readFile(log, 'utf8'), 'closed\n');
        await assertRejectsAbout(child.ended, {
          kind: 'unready',
          names: ['the child', 'exit code 0'],
        });
      }));

    it('is killed without closing', () =>
      withFolder(async (folder) => {
        const log = join(folder, 'log');
        const child = await open({ log });
        await child.kill();
        await assert.rejects(readFile(log), { code: 'ENOENT' });
      }));

    it('is named with the way out where its file is missing', async () => {
      const gone = new URL('./gone.js', import.meta.url);
      const start = kind === 'thread' ? openThread : openProcess;
      await assertRejectsAbout(
        (async () => start(gone, { name: 'the child' }))(),
        { kind: 'missing', subject: join(import.meta.dirname, 'gone.js'), names: ['npm run build'] }, // prettier-ignore
      );
    });
  });

describe('a child thread', () => {
  it('shares memory instead of copying it', async () => {
    const child = await kinds.thread();
    const memory = new SharedArrayBuffer(1);
    await child.ask('write', memory, 9);
    assert.equal(new Uint8Array(memory)[0], 9);
    await child.close();
  });

  it('keeps none of its answers but the last, in a queue too', async () => {
    const child = await kinds.thread();
    const inOrder = createQueue();
    const made: WeakRef<object>[] = [];
    for (let i = 0; i < 20; i++)
      made.push(new WeakRef(await inOrder(() => child.ask('zeros', 700))));
    await setImmediate();
    collect();
    assert.ok(made.filter((reference) => reference.deref()).length <= 1);
    await child.close();
  });

  it('ends with the error that a call without an answer throws', async () => {
    const child = await kinds.thread();
    const waiting = child.ask('sleep', 60_000, '');
    child.notify('crash');
    await assert.rejects(waiting, /a fault of the service/);
    await assert.rejects(child.ended, /a fault of the service/);
  });
});

describe('a child process', { skip: process.platform === 'win32' }, () => {
  const program = join(import.meta.dirname, 'parent.js');
  /** Runs `act` on a process whose child has the process id `pid`; resolves to what it printed after that. */
  const withParent = async (log: string, act: (parent: ChildProcess, pid: number) => void) => {
    const parent = spawn(process.execPath, [program, log], {
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    });
    let text = '';
    parent.stdout.setEncoding('utf8').on('data', (part: string) => (text += part));
    await once(parent.stdout, 'data');
    const pid = Number.parseInt(text, 10);
    const exited = once(parent, 'exit');
    act(parent, pid);
    await exited;
    await until(() => !isAlive(pid));
    return text.split('\n').slice(1).join('\n');
  };

  it('ends when its parent is killed, and first leaves things as it wants', () =>
    withFolder(async (folder) => {
      const log = join(folder, 'log');
      await withParent(log, (parent) => parent.kill('SIGKILL'));
      assert.equal(await readFile(log, 'utf8'), 'abandoned\n');
    }));

  it('leaves a signal to the whole group to its parent, which closes it in order', () =>
    withFolder(async (folder) => {
      const log = join(folder, 'log');
      const said = await withParent(log, ({ pid }) => process.kill(-pid!, 'SIGTERM'));
      assert.equal(said, 'closed in order\n');
      assert.equal(await readFile(log, 'utf8'), 'closed\n');
    }));

  it('is reported with the signal that ended it', async () => {
    const child = await kinds.process();
    process.kill(await child.ask('pid'), 'SIGKILL');
    await assertRejectsAbout(child.ended, { kind: 'unready', names: ['the child', 'SIGKILL'] });
  });
});

describe('a child that is kept running', () => {
  it('is started again when it ends, and fails calls until then', async () => {
    const ends: string[] = [];
    const kept = keepRunning<ServiceFunctions>({
      start: () => started(),
      first: await kinds.process(),
      onEnd: (error) => ends.push(error.message),
    });
    const before = await kept.ask('pid');
    const ended = { kind: 'unready', names: ['the child', 'exit code 5'] } as const;
    await assertRejectsAbout(kept.ask('exit', 5), ended);
    await assertRejectsAbout(kept.ask('pid'), {
      ...ended,
      names: [...ended.names, 'started again'],
    });
    await until(() => kept.ask('zeros', 1).then(Boolean, () => false));
    assert.notEqual(await kept.ask('pid'), before);
    assert.equal(ends.length, 1);
    assertSaid(ends[0], ...ended.names);
    await kept.close();
    assert.equal(ends.length, 1);
  });

  it('answers calls from its start on, once it is open', async () => {
    const kept = keepRunning<ServiceFunctions>({
      start: () => started(),
      onEnd: (error) => assert.fail(error),
    });
    const pid = await kept.ask('pid');
    assert.ok(pid !== process.pid && isAlive(pid));
    await kept.close();
    assert.ok(!isAlive(pid));
  });

  it('is closed where it is about to be started', async () => {
    const ends: string[] = [];
    const kept = keepRunning<ServiceFunctions>({
      start: () => started({ fault: 'not yet' }),
      onEnd: (error) => ends.push(error.message),
    });
    await until(() => ends.length === 1);
    await kept.close();
    assert.deepEqual(ends, ['not yet']);

    const opening = keepRunning<ServiceFunctions>({
      start: () => started(),
      onEnd: (error) => ends.push(error.message),
    });
    await opening.close();
    assert.equal(ends.length, 1);
  });
});

describe('a pool of processes', () => {
  const pool = (processes: number, data?: ServiceData) =>
    openPool<ServiceFunctions>(module, processes, { name: 'a process', data });
  const nameOf = (job: number) => `job ${job}`;

  it('shares jobs among its processes', async () => {
    const two = pool(2);
    const pids: number[] = [];
    await two.each({
      jobs: [1, 2, 3, 4],
      call: (worker) => worker.ask('sleep', 50, '').then(() => worker.ask('pid')),
      onResult: (pid) => pids.push(pid),
      nameOf,
    });
    assert.equal(pids.length, 4);
    assert.equal(new Set(pids).size, 2);
    const all: number[] = [];
    await two.all(async (worker) => all.push(await worker.ask('pid')));
    assert.deepEqual(all.sort(), [...new Set(pids)].sort());
    await two.close();
  });

  it('names the job that failed, and begins no other', async () => {
    const one = pool(1);
    const begun: number[] = [];
    const work = one.each({
      jobs: [1, 2, 3],
      call(worker, job) {
        begun.push(job);
        return job === 2 ? worker.ask('refuse', 'no room') : worker.ask('pid');
      },
      onResult: () => undefined,
      nameOf,
    });
    await assert.rejects(work, { exitCode: 3 });
    await assertRejectsAbout(work, { kind: 'missing', names: ['a process', 'job 2', 'no room'] });
    assert.deepEqual(begun, [1, 2]);
    await one.close();
  });

  it('fails when a process ends or cannot begin, whether it has a job or not', async () => {
    const broken = pool(1, { fault: 'no policy' });
    await assertRejectsAbout(broken.failed, { names: ['a process', 'no policy'] });
    await broken.close();
    const two = pool(2);
    await two.all(async (worker) => process.kill(await worker.ask('pid'), 'SIGKILL'));
    await assertRejectsAbout(two.failed, { kind: 'unready', names: ['a process', 'SIGKILL'] });
    await two.kill();
  });

  it('begins no job after an abort', async () => {
    const one = pool(1);
    const controller = new AbortController();
    const done: number[] = [];
    await one.each({
      jobs: [1, 2, 3],
      call: (worker, job) => worker.ask('sleep', 0, '').then(() => job),
      onResult(job) {
        done.push(job);
        controller.abort();
      },
      nameOf,
      signal: controller.signal,
    });
    assert.deepEqual(done, [1]);
    await one.close();
  });
});

describe('a queue', () => {
  it('runs tasks in the order of the calls, and goes on after one that fails', async () => {
    const inOrder = createQueue();
    const done: number[] = [];
    const results = await Promise.allSettled(
      [30, 0, 10].map((delay, i) =>
        inOrder(async () => {
          await setTimeout(delay);
          done.push(i);
          if (i === 1) throw new Error('the second one');
        }),
      ),
    );
    assert.deepEqual(done, [0, 1, 2]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
  });
});
