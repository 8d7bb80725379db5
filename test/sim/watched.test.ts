import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { viewed } from '../../src/sim/watched.ts';
import { simulatedAloha } from '../../src/sim/simulatedAloha.ts';
import { halfBlocks } from '../../src/terminal/halfBlocks.ts';

describe('the view of an attempt', () => {
  it('shows two pixels of a column in a half block: the upper in front, the lower behind', () => {
    const pixels = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
    assert.deepEqual(halfBlocks(pixels, { width: 2, height: 2 }), [
      '\u001b[38;2;1;2;3;48;2;7;8;9m▀\u001b[38;2;4;5;6;48;2;10;11;12m▀\u001b[0m',
    ]);
  });

  it('is drawn below the cursor, which comes back, and fits the terminal', async () => {
    const sim = await simulatedAloha({ task: 'transfer-cube', cameras: ['cam_high'] });
    const terminal = Object.assign(new PassThrough(), { columns: 40, rows: 24 });
    const robot = viewed(sim, terminal);
    robot.command(sim.positions());
    const drawn = (terminal.read() as Buffer).toString();
    await sim.close();
    const rows = drawn.split('\n').slice(1);
    assert.equal(rows.length, 15);
    for (const row of rows) assert.equal(row.split('▀').length - 1, 40);
    assert.ok(drawn.endsWith(`\u001b[${rows.length}A`));
  });

  it('is left away where the terminal has no room, and the robot is commanded all the same', async () => {
    const sim = await simulatedAloha({ task: 'transfer-cube' });
    const terminal = Object.assign(new PassThrough(), { columns: 80, rows: 5 });
    const robot = viewed(sim, terminal);
    const [before] = sim.positions();
    const command = sim.positions();
    command[0] += 0.1;
    robot.command(command);
    await robot.clock.until(200_000_000n);
    assert.ok(sim.positions()[0] > before + 0.05);
    assert.equal(terminal.read(), null);
    await sim.close();
  });
});
