import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, afterEach, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { Access } from '../../src/console/access.ts';
import { type Console, type RuntimeAnswers, openConsole } from '../../src/console/console.ts';
import { pack } from '../../src/console/wire.ts';
import { UserError } from '../../src/errors.ts';
import { assertRejectsAbout, assertSaid } from '../refusals.ts';
import { type PageOptions, type TestPage, openPage } from './client.ts';
import { childOf } from './processOf.ts';

describe("the console's server", () => {
  let closers: (() => Promise<unknown>)[] = [];
  const logged: string[] = [];
  const lost: string[] = [];
  const stops: unknown[] = [];

  const open = async (access: Access = { host: '127.0.0.1' }, answers: RuntimeAnswers = {}) => {
    const console = await openConsole({
      ...{ access, port: 0 },
      answers: {
        start: ({ attempts = 1 }, by) => `${by} begins ${attempts}`,
        stop({ reason }, by) {
          stops.push([by, reason]);
          return 'the robot holds';
        },
        resume() {
          throw new UserError('the robot is not stopped');
        },
        ...answers,
      },
      log: (line) => logged.push(line),
      onHeartbeatLost: (reason) => lost.push(reason),
    });
    closers.push(() => console.close());
    return console;
  };
  const page = async (console: Console, options?: PageOptions): Promise<TestPage> => {
    const opened = await openPage(console.url, options);
    closers.unshift(() => opened.close());
    return opened;
  };
  /** A page of a console whose process is started again. */
  const reopened = async (console: Console): Promise<TestPage> => {
    for (let i = 0; i < 600; i++) {
      const opened = await page(console).catch(() => undefined);
      if (opened) return opened;
      await setTimeout(50);
    }
    return page(console);
  };
  const seated = async (console: Console, name = 'tester') => {
    const opened = await page(console, { hello: { name } });
    await opened.until(() => opened.topics.crew, 'the crew');
    return opened;
  };
  afterEach(async () => {
    for (const close of closers) await close();
    closers = [];
    for (const list of [logged, lost, stops]) list.length = 0;
  });
  after(() => assert.deepEqual(closers, []));

  it('gives a new page the newest value of each topic, and each new one as it comes', async () => {
    const console = await open();
    console.publish('log', [{ at: 1, level: 'info', text: 'before' }]);
    const a = await page(console);
    await a.until(() => a.topics.log?.[0].text === 'before', 'what was said before');
    console.publish('log', [{ at: 2, level: 'warn', text: '<b>after</b>' }]);
    await a.until(() => a.topics.log?.[0].text === '<b>after</b>', 'what was said after');
    const rows = Float32Array.of(0.5, -1.25);
    console.publish('motion', { at: 3, measured: rows });
    await a.until(() => a.topics.motion, 'motion');
    assert.deepEqual(a.topics.motion?.measured, rows);
  });

  it('shows the page with a strict policy, and nothing else by HTTP', async () => {
    const { url } = await open();
    const answer = await fetch(url);
    assert.equal(answer.status, 200);
    assert.match(answer.headers.get('content-type')!, /text\/html/);
    const policy = answer.headers.get('content-security-policy')!;
    assert.match(policy, /default-src 'none'.*script-src 'self'/);
    assert.doesNotMatch(policy, /unsafe/);
    assert.equal((await fetch(`${url}../package.json`)).status, 404);
    assert.equal((await fetch(`${url}page/%2e%2e/console.js`)).status, 404);
    assert.equal((await fetch(url, { method: 'POST' })).status, 405);
  });

  it('lets the first page operate, and another one after it has taken over, seen by both', async () => {
    const console = await open();
    const ada = await seated(console, 'Ada');
    const ben = await seated(console, 'Ben');
    await ada.until(() => ada.topics.crew?.people.length === 2, 'both');
    assert.equal(ada.topics.crew?.operator?.name, 'Ada');
    const { ok, says } = await ben.ask('start', {});
    assert.equal(ok, false);
    assertSaid(says, 'Ada', 'take over');
    const taken = await ben.ask('takeSeat', null);
    assert.equal(taken.ok, true);
    await ada.until(() => ada.topics.crew?.operator?.name === 'Ben', 'the new operator');
    assert.deepEqual(await ben.ask('start', { attempts: 3 }), {
      ...{ reply: 2, ok: true, says: 'Ben begins 3', value: null },
    });
    const stopped = await ada.ask('stop', { reason: 'too near' });
    assert.equal(stopped.ok, true, 'whoever may operate may stop');
    assert.deepEqual(stops, [['Ada', 'too near']]);
    await ben.close();
    await ada.until(() => ada.topics.crew?.operator === undefined, 'an empty seat');
    await ada.until(() => !console.attended, 'what the robot hears of it');
  });

  it('says why something cannot be done, by a person or by their page', async () => {
    const console = await open();
    const a = await seated(console);
    const refuses = async (request: string, args: unknown, ...names: string[]) => {
      const { ok, says } = await a.ask(request as 'start', args as object);
      assert.equal(ok, false);
      assertSaid(says, ...names);
    };
    await refuses('resume', null, 'not stopped');
    await refuses('dance', null, 'no request', 'dance');
    await refuses('start', { attempts: 0.5 }, 'start', 'attempts');
    await refuses('home', null, 'nothing here', 'home');
  });

  it('refuses what is not of its page: another origin, another host, text, garbage, a huge message, another version', async () => {
    const console = await open();
    const { port, host } = new URL(console.url);
    await assert.rejects(page(console, { headers: { origin: 'http://example.org' } }), /403/);
    await assert.rejects(page(console, { headers: { host: `robot.example:${port}` } }), /421/);
    const own = await page(console, { headers: { origin: `http://${host}` } });
    await own.until(() => own.role, 'a welcome');

    const refusal = async (data: string | Buffer) => {
      const a = await seated(console);
      a.socket.send(data);
      await once(a.socket, 'close');
      return a.refused;
    };
    assertSaid((await refusal('{}'))!, 'text', 'msgpack');
    assertSaid((await refusal(Buffer.from([0x93, 0x01])))!, 'not msgpack');
    assertSaid((await refusal(pack({ please: 'start' })))!, 'none of those');
    assert.equal(await refusal(Buffer.alloc(1 << 20)), undefined, 'closed without a word');
    const old = await page(console, { hello: { protocol: 0 } });
    await old.until(() => old.refused, 'a refusal');
    assertSaid(old.refused!, 'another version', 'load it again');
    await own.ask('start', {});
    assert.equal(own.refused, undefined, 'others go on');
  });

  it('holds sixteen pages, and refuses more, and those that say nothing or too much', async () => {
    const console = await open();
    const pages = await Promise.all(Array.from({ length: 16 }, () => page(console)));
    await assert.rejects(page(console), /503/);
    const [a, b] = pages;
    for (let i = 0; i < 100; i++) a.socket.send(pack({ beat: i }));
    await b.until(() => a.refused, 'a refusal');
    assertSaid(a.refused!, 'too many messages');
    await b.until(() => a.socket.readyState === WebSocket.CLOSED, 'the end of its connection');
    const mute = new WebSocket(`${console.url.replace('http', 'ws')}live`);
    await once(mute, 'open');
    await once(mute, 'close');
  });

  it('tells the robot when the page that it depends on is closed, or falls silent', async () => {
    const console = await open();
    const a = await seated(console, 'Ada');
    await a.ask('heartbeat', { on: true });
    await a.close();
    await a.until(() => lost.length > 0, 'a heartbeat lost');
    assert.deepEqual(lost, ['the page of Ada fell silent']);
    const b = await seated(console, 'Ben');
    await b.ask('heartbeat', { on: true });
    b.fallSilent();
    await b.until(() => lost.length > 1, 'a heartbeat lost');
    const c = await seated(console, 'Cleo');
    await c.ask('takeSeat', null);
    await c.ask('heartbeat', { on: true });
    await c.ask('heartbeat', { on: false });
    await c.close();
    await setTimeout(100);
    assert.equal(lost.length, 2, 'a page that is no heartbeat may go');
  });

  it('tells everybody who operates, and whether their heartbeat is fresh', async () => {
    const console = await open();
    const ada = await seated(console, 'Ada');
    const ben = await seated(console, 'Ben');
    const operator = () => {
      const { name, heartbeat, silent } = ben.topics.crew!.operator!;
      return [name, heartbeat && 'heartbeat', silent && 'silent'].filter(Boolean).join();
    };
    assert.equal(operator(), 'Ada');
    await ada.ask('heartbeat', { on: true });
    await ben.until(() => operator() === 'Ada,heartbeat', 'a fresh heartbeat');
    ada.fallSilent();
    await ben.until(() => operator() === 'Ada,silent', 'a silent page');
    assert.deepEqual(lost, ['the page of Ada fell silent']);
    ada.fallSilent(false);
    await ben.until(() => operator() === 'Ada', 'a page that is heard again');

    await ada.ask('heartbeat', { on: true });
    await ben.ask('takeSeat', null);
    await ben.until(() => operator() === 'Ben', 'the new operator, without a heartbeat');
    await ada.close();
    await ben.until(() => ben.topics.crew!.people.length === 1, 'who is left');
    assert.equal(lost.length, 1, 'the page of who operates no more may be closed');
  });

  it('comes back after it was killed, with what it showed, and the robot hears that its heartbeat was lost', async () => {
    const console = await open();
    console.publish('log', [{ at: 1, level: 'info', text: 'kept' }]);
    const a = await seated(console);
    await a.ask('heartbeat', { on: true });
    process.kill(childOf(process.pid, 'consoleProcess.js'), 'SIGKILL');
    await once(a.socket, 'close');
    await a.until(() => lost.length > 0, 'a heartbeat lost');
    assert.deepEqual(lost, ['the console ended']);
    assertSaid(logged[0], "console's process", 'started again');
    const back = await reopened(console);
    await back.until(() => back.topics.log?.[0].text === 'kept', 'what it showed');
  });

  it('is no heartbeat while it hangs, and is started again where it goes on hanging', async () => {
    const console = await open();
    const a = await seated(console);
    await a.ask('heartbeat', { on: true });
    process.kill(childOf(process.pid, 'consoleProcess.js'), 'SIGSTOP');
    await a.until(() => lost.length > 0, 'a heartbeat lost');
    assert.deepEqual(lost, ['the console hangs']);
    await once(a.socket, 'close');
    await a.until(() => logged.length > 0, 'its end');
    assertSaid(logged[0], "console's process", 'started again');
    await reopened(console);
  });

  it('listens to other machines only with TLS and tokens, one for each role', async () => {
    await assertRejectsAbout(open({ host: '0.0.0.0' }), {
      kind: 'unsaid',
      subject: '0.0.0.0',
      fields: ['--console-tls'],
      names: ['0.0.0.0', '--console-tls'],
    });
    const tokens = { operate: 'o'.repeat(32), watch: 'w'.repeat(32) };
    const console = await open({ host: '127.0.0.1', tokens });
    const stranger = await page(console);
    await stranger.until(() => stranger.refused, 'a refusal');
    assertSaid(stranger.refused!, 'token');
    const watcher = await page(console, { hello: { token: tokens.watch } });
    await watcher.until(() => watcher.role, 'a welcome');
    assert.equal(watcher.role, 'watch');
    const { ok, says } = await watcher.ask('stop', {});
    assert.equal(ok, false);
    assertSaid(says, 'only watch');
    const operator = await page(console, { hello: { token: tokens.operate } });
    await operator.until(() => operator.role, 'a welcome');
    assert.equal(operator.role, 'operate');
  });

  it('says what to do where its port is taken', async () => {
    const { url } = await open();
    const port = Number(new URL(url).port);
    await assertRejectsAbout(
      openConsole({ access: { host: '127.0.0.1' }, port, answers: {}, log: () => undefined }),
      { kind: 'unready', names: ['no console', `127.0.0.1:${port}`, 'another port'] },
    );
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.destroy();
  });
});
