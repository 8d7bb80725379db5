import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';

const linux = process.platform === 'linux';
const hasChrt = linux && spawnSync('chrt', ['--version']).status === 0;
const url = new URL('../../src/processes/priority.js', import.meta.url).href;

/** Scheduling policy and niceness of each thread of a process that has called this (man 5 proc_pid_stat). */
function threadsAfter(call: string) {
  const program = `
    import { ${call} } from '${url}';
    import { readdirSync, readFileSync } from 'node:fs';
    ${call}();
    const threads = readdirSync('/proc/self/task').map((id) => {
      const fields = readFileSync('/proc/self/task/' + id + '/stat', 'utf8').split(') ')[1].split(' ');
      return { policy: Number(fields[38]), niceness: Number(fields[16]) };
    });
    console.log(JSON.stringify(threads));`;
  const text = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
  });
  return JSON.parse(text) as { policy: number; niceness: number }[];
}

const SCHED_FIFO = 1;
const SCHED_IDLE = 5;
const mayGoFirst = hasChrt && spawnSync('chrt', ['--fifo', '10', 'true']).status === 0;

describe('a process whose loop goes first', { skip: !linux }, () => {
  const skip = mayGoFirst ? false : 'this user may not go first (rtprio)';
  it('has one thread before all others, the one that ticks', { skip }, () => {
    const [main, ...others] = threadsAfter('goFirst');
    assert.equal(main.policy, SCHED_FIFO);
    assert.ok(others.length > 0);
    for (const { policy } of others) assert.notEqual(policy, SCHED_FIFO);
  });

  it('says why where it may not', () => {
    const program = `import { goFirst } from '${url}'; console.log(goFirst());`;
    const said = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
      encoding: 'utf8',
      env: { ...process.env, PATH: '' },
    });
    assert.match(said, /chrt/);
  });
});

describe('a process that yields to all', { skip: !linux }, () => {
  it('has all its threads idle, for cores that nothing else wants', { skip: !hasChrt }, () => {
    const threads = threadsAfter('yieldToAll');
    assert.ok(threads.length > 1);
    for (const { policy } of threads) assert.equal(policy, SCHED_IDLE);
  });

  it('is otherwise than one that goes after the control loop alone', () => {
    const threads = threadsAfter('yieldToControl');
    assert.ok(threads.every(({ policy }) => policy !== SCHED_IDLE));
    assert.ok(threads.some(({ niceness }) => niceness >= 5));
  });
});
