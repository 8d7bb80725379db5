import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, it } from 'node:test';
import { chromium } from 'playwright-core';
import { showFolder } from '../../src/adapting/folderConsole.ts';
import { stateFile, writeRun } from '../../src/learning/learnerFolder.ts';
import type { Tried } from '../../src/learning/metrics.ts';
import { storedState } from '../../src/learning/ticket/state.ts';
import { newVersion } from '../../src/learning/versions.ts';
import type { Ticket } from '../../src/policy/ticket.ts';
import { writeSafetensors } from '../../src/tensors/safetensors.ts';
import { withFolder } from '../onnx/run.ts';
import { urlIn } from './said.ts';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync); // prettier-ignore
const skip = CHROMIUM === undefined && 'no Chromium to test with: apt-get install chromium';

/** The state of a learner after so many updates of a race that plays ticket 0. */
async function write(folder: string, updates: number, tried: Tried[], tickets?: Ticket[]) {
  const current = { ticket: 0, ...(tickets && { tickets }) };
  const { format, tensors, values } = storedState({ updates, tried, plays: [], current });
  const versions = [newVersion('v0', null)];
  const run = { consumed: [], counted: new Map(), labels: new Map(), versions, current: 'v0' };
  await writeSafetensors(stateFile(folder), tensors, { format, ...values, run: writeRun(run) });
}

describe("the race of tickets on a learner's page, in a browser", { skip, timeout: 60_000 }, () => {
  it('has what each ticket came to, which ones race, and which one is chosen, until the race is over', () =>
    withFolder(async (folder) => {
      const tried = [
        { ticket: 0, attempts: 10, successes: 9 },
        { ticket: 17, attempts: 4, successes: 2 },
        { ticket: 18, attempts: 2, successes: 0 },
        { ticket: 19, attempts: 0, successes: 0 },
      ];
      await write(folder, 1, tried, [0, 17]);
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
            'ticket 19 no attempts',
            'ticket 17 racing 50 % 2 of 4 · 15–85 %',
            'ticket 18 0 % 0 of 2 · 0–66 %',
          ],
        );
        await write(folder, 2, tried);
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
