import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, it } from 'node:test';

describe("a node's process", () => {
  it('ends when the one that started it ends, as ros2 launch does at SIGTERM', async () => {
    const orphan = join(import.meta.dirname, 'orphan.js');
    const launch = spawn('sh', ['-c', '"$0" "$1" & wait', process.execPath, orphan], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    launch.stdout.setEncoding('utf8');
    let said = '';
    launch.stdout.on('data', (text: string) => (said += text));
    await once(launch.stdout, 'data');
    launch.kill('SIGTERM');
    // Both hold the pipe: it closes when both have ended.
    await once(launch.stdout, 'close');
    assert.match(said, /^\d+\norphaned\n$/);
  });
});
