import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, it } from 'node:test';
import { chromium } from 'playwright-core';
import { showFolder } from '../../src/adapting/folderConsole.ts';
import { logEvents } from '../../src/learning/events.ts';
import type { Standing } from '../../src/learning/metrics.ts';
import { withFolder } from '../onnx/run.ts';
import { urlIn } from './said.ts';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync); // prettier-ignore
const skip = CHROMIUM === undefined && 'no Chromium to test with: apt-get install chromium';

/** Logs an update of a race that plays ticket 0. */
const log = (folder: string, update: number, running: number, standings: Standing[]) => {
  const report = { update, attempts: 16, successes: 8, race: { ticket: 0, running, standings } };
  return logEvents(folder, [{ event: 'unmoved', reason: 'a test', report }]);
};

describe("the race of tickets on a learner's page, in a browser", { skip, timeout: 60_000 }, () => {
  it('has what each ticket came to, which ones race, and which one is chosen, until the race is over', () =>
    withFolder(async (folder) => {
      const standings = [
        { ticket: 0, attempts: 10, successes: 9, isRunning: true as const },
        { ticket: 17, attempts: 4, successes: 2, isRunning: true as const },
        { ticket: 18, attempts: 2, successes: 0 },
        { ticket: 19, attempts: 0, successes: 0 },
      ];
      await log(folder, 1, 2, standings);
      const stop = new AbortController();
      let shown: Promise<void> | undefined;
      const url = await new Promise<string>((resolve) => {
        const place = { access: { host: '127.0.0.1' }, addresses: (at: string) => [at], port: 0 };
        const said = (line: string) => resolve(urlIn(`${line}\n`)!);
        shown = showFolder(folder, place, { log: said, signal: stop.signal });
      });
      const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
      try {
        const page = await browser.newPage();
        const problems: string[] = [];
        page.on('pageerror', ({ message }) => problems.push(message));
        await page.goto(`${url}#learn`);
        const card = page.getByRole('region', { name: 'Tickets after update 1' });
        await card.getByText('2 of 4 in the race').waitFor();
        const lines = await card.getByRole('listitem').allInnerTexts();
        assert.deepEqual(
          lines.map((line) => line.replaceAll(/\s+/g, ' ')),
          [
            'zero noise chosen racing 90 % 9 of 10 · 60–98 %',
            'ticket 17 racing 50 % 2 of 4 · 15–85 %',
            'ticket 18 0 % 0 of 2 · 0–66 %',
            'ticket 19 no attempts',
          ],
        );
        const ended = standings.map(({ ticket, attempts, successes }) => ({
          ticket,
          attempts,
          successes,
        }));
        await log(folder, 2, 1, ended);
        const over = page.getByRole('region', { name: 'Tickets after update 2' });
        await over.getByText('the race is over').waitFor();
        assert.equal(await over.getByText('racing').count(), 0);
        assert.deepEqual(problems, []);
      } finally {
        await browser.close();
        stop.abort();
        await shown;
      }
    }));
});
