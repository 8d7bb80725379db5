import assert from 'node:assert/strict';
import { type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promptWarning } from '../../src/console/page/operate/promptWarning.ts';
import type { LogLine } from '../../src/console/protocol.ts';
import { writeTinyAloha } from '../adapting/tinyAloha.ts';
import { spawnNalu } from '../cli/nalu.ts';
import { withFolder } from '../onnx/run.ts';
import { assertSaid } from '../refusals.ts';
import { openPage } from './client.ts';
import { urlIn } from './said.ts';

describe('a prompt that is longer than the policy reads', { timeout: 120_000 }, () => {
  it('is told on the page with the first chunk', () =>
    withFolder(async (folder) => {
      const policy = join(folder, 'policy');
      // It reads 8 tokens.
      await writeTinyAloha(policy);
      let nalu: ChildProcess | undefined;
      const url = await new Promise<string>((resolve, reject) => {
        const ended = spawnNalu(['sim', '--console', '0', '--policy', policy], (started) => {
          nalu = started;
          let said = '';
          started.stderr!.on('data', (text: Buffer) => {
            const found = urlIn((said += text.toString()));
            if (found !== undefined) resolve(found);
          });
        });
        ended.then(({ err }) => reject(new Error(err)), reject);
      });
      const page = await openPage(url);
      try {
        await page.until(() => page.topics.phase?.phase === 'ready', 'ready', 60);
        assert.ok((await page.ask('check', null)).ok);
        const warning = () => promptWarning(page.topics.log ?? [], page.topics.phase!.prompt);
        await page.until(warning, 'the warning', 60);
        const said = page.topics.log!.find(({ text }) => text.startsWith(warning()!))!;
        assertSaid(said.text, '15 tokens', 'the first 8');
      } finally {
        await page.close();
        nalu?.kill('SIGTERM');
      }
    }));

  it('is told below the prompt that it is about, and below no other', () => {
    const line = (level: LogLine['level'], text: string) => ({ at: 0, level, text });
    const log = [
      line('warn', 'the prompt takes 9 tokens; shorten it: lift the cube'),
      line('info', 'shorten it: fold the shirt'),
      line('warn', 'a joint is late'),
    ];
    assert.equal(promptWarning(log, 'lift the cube'), 'the prompt takes 9 tokens; shorten it');
    assert.equal(promptWarning(log, 'the cube'), undefined);
    assert.equal(promptWarning(log, 'fold the shirt'), undefined);
  });
});
