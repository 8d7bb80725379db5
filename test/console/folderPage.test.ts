import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type Browser, type Page, chromium } from 'playwright-core';
import { showFolder } from '../../src/adapting/folderConsole.ts';
import type { Outcome } from '../../src/episodes/outcome.ts';
import { recordEpisode } from '../../src/episodes/recordEpisode.ts';
import { headerOf, play, success } from '../episodes/recording.ts';
import { withFolder } from '../onnx/run.ts';
import { urlIn } from './said.ts';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync); // prettier-ignore
const skip = CHROMIUM === undefined && 'no Chromium to test with: apt-get install chromium';

/** Records an episode as a robot does, of a policy of version v1. */
async function record(folder: string, id: string, outcome: Outcome): Promise<string> {
  const recorder = await recordEpisode(folder, { ...headerOf(id), policy: 'fake v0' });
  await play(recorder, 3);
  return recorder.finish({ ...success, outcome, reward: Number(outcome === 'success'), steps: 15 });
}

describe('the page of a folder of episodes, in a browser', { skip, timeout: 120_000 }, () => {
  /** Opens the page of a folder with these episodes. */
  const withPage = (
    outcomes: readonly Outcome[],
    body: (page: Page, episodes: string) => Promise<void>,
  ) =>
    withFolder(async (folder) => {
      const episodes = join(folder, 'episodes');
      for (const [i, outcome] of outcomes.entries())
        await record(episodes, `episode-${i}`, outcome);
      const stop = new AbortController();
      let browser: Browser | undefined;
      let shown: Promise<void> | undefined;
      try {
        const url = await new Promise<string>((resolve, reject) => {
          const place = { access: { host: '127.0.0.1' }, addresses: (at: string) => [at], port: 0 };
          const log = (line: string) => resolve(urlIn(`${line}\n`)!);
          shown = showFolder(episodes, place, { log, signal: stop.signal });
          shown.catch(reject);
        });
        browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
        const page = await browser.newPage();
        const problems: string[] = [];
        page.on('pageerror', ({ message }) => problems.push(message));
        await page.goto(url);
        await body(page, episodes);
        assert.deepEqual(problems, []);
      } finally {
        await browser?.close();
        stop.abort();
        await shown;
      }
    });
  const tab = (page: Page, name: string) => page.getByRole('link', { name }).click();
  const replay = (page: Page, id: string) => page.getByRole('button', { name: id }).click();

  it('shows its episodes first, and on Learn what they come to, as they come and as they are corrected', () =>
    withPage(['success', 'failure', 'discarded'], async (page, episodes) => {
      await page.getByText('3 episodes').waitFor();
      await tab(page, 'Learn');
      const rate = page.getByRole('region', { name: 'Success of all attempts' });
      await rate.getByText('1 of 2').waitFor();
      const versions = page.getByRole('region', { name: 'Versions' });
      await versions.getByText('v1').waitFor();
      await page.getByRole('figure', { name: 'Success by attempts' }).waitFor();
      await record(episodes, 'episode-3', 'success');
      await rate.getByText('2 of 3').waitFor();

      await tab(page, 'Episodes');
      await replay(page, 'episode-1');
      await page.getByRole('button', { name: 'Counts as success' }).click();
      await page.getByText('recorded as failure').first().waitFor();
      await tab(page, 'Learn');
      await rate.getByText('3 of 3').waitFor();
      await versions.getByText('3 of 3').waitFor();
    }));

  it('gives an episode to the browser as its file', () =>
    withPage(['success'], async (page, episodes) => {
      await replay(page, 'episode-0');
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('button', { name: 'Download' }).click(),
      ]);
      assert.equal(download.suggestedFilename(), 'episode-0.mcap');
      const kept = await readFile(await download.path());
      assert.ok(kept.equals(await readFile(join(episodes, 'episode-0.mcap'))));
    }));
});
