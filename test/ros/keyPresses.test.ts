import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { listenToKeys } from '../../src/ros/policy/keyPresses.ts';
import type { Request } from '../../src/ros/policy/operator.ts';
import { skip, until } from './ros.ts';

/** Runs a command at a pseudo-terminal of its own (util-linux' script), whose keys are its stdin. */
function atTerminal(command: string) {
  const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: 'pipe' });
  let output = '';
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  return {
    output: () => output,
    press: (keys: string) => child.stdin.write(keys),
    ended: once(child, 'exit') as Promise<[number | null]>,
  };
}

const lacksTerminal = spawnSync('script', ['--version']).error ? 'no script(1) here' : false;
const node = `'${process.execPath}' '${join(import.meta.dirname, '../../src/ros/policy/policyMain.js')}'`;

describe('keys at the policy node', () => {
  it('ask for what the services are asked for, in capitals too, and nothing else does', async () => {
    const input = new PassThrough();
    const asked: Request[] = [];
    const told: string[] = [];
    const ask = (request: Request) => {
      asked.push(request);
      return Promise.resolve({ success: true, message: `done: ${request}` });
    };
    listenToKeys(input, ask, (text) => told.push(text));
    input.write('sfdF x1\r');
    // Left arrow, F1, Alt-S, Ctrl-D, Ctrl-S.
    for (const other of ['\x1b[D', '\x1bOP', '\x1bs', '\x04', '\x13']) input.write(other);
    await setTimeout(50);
    assert.deepEqual(asked, ['success', 'failure', 'discard', 'failure', 'stop']);
    assert.deepEqual(told.slice(0, 2), [
      'keys: s success, f failure, d discard, space stop, r resume',
      'done: success',
    ]);
  });

  it(
    'are taken at a terminal one by one, where Ctrl-C still ends the node',
    {
      skip: skip || lacksTerminal,
    },
    async () => {
      const nalu = atTerminal(
        `${node} --ros-args -r __node:=keyed; ended=$?; stty -a; exit $ended`,
      );
      await until(() => nalu.output().includes('keys: s success'), nalu.output);
      nalu.press('s');
      await until(() => nalu.output().includes('no attempt is running'), nalu.output);
      nalu.press(' ');
      await until(
        () => nalu.output().includes('the robot holds until somebody resumes'),
        nalu.output,
      );
      nalu.press('\x03');
      assert.deepEqual(await nalu.ended, [0, null], nalu.output());
      assert.match(nalu.output(), / icanon .* echo /s, 'the terminal is as it was');
    },
  );

  it(
    'are left alone by a node in the background, which a touch of the terminal would stop',
    {
      skip: skip || lacksTerminal,
    },
    async () => {
      const job = `${node} --ros-args -r __node:=keyed -p policy:=/nowhere -p autostart:=true`;
      const shell = atTerminal(
        `bash -c 'set -m; ${job.replaceAll("'", '"')} & read -n 1; kill %1; wait'`,
      );
      await until(() => shell.output().includes('policy.json: cannot be read'), shell.output);
      assert.doesNotMatch(shell.output(), /keys:/);
      shell.press('x');
      await shell.ended;
    },
  );
});
