import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';

import { describe, it } from 'node:test';
import { type Page, chromium } from 'playwright-core';
import { openLearningConsole } from '../../src/learning/learningConsole.ts';
import { showRobots } from '../../src/link/nats/fleetTopic.ts';
import { BASE, NATS, names, putEpisodes, until, withPlace } from '../link/link.ts';
import { NO_NATS } from '../nats/server.ts';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync); // prettier-ignore
const skip = NO_NATS || (CHROMIUM === undefined && 'no Chromium to test with: apt-get install chromium'); // prettier-ignore

/** Milliseconds that a page may take on a busy machine. */
const PATIENCE = { timeout: 60_000 };
const cells = (count: number, successes: number) => [{ version: BASE, attempts: count, successes }];

/** The texts of a robot's row, heading first, once its row has these. */
async function rowOf(page: Page, robot: string, ...texts: string[]): Promise<string[]> {
  const heading = page.getByRole('rowheader', { name: robot, exact: true });
  let row = page.getByRole('region', { name: 'Robots' }).getByRole('row').filter({ has: heading });
  for (const hasText of texts) row = row.filter({ hasText });
  await row.waitFor(PATIENCE);
  return row.locator('th, td').allInnerTexts();
}

describe("the robots on a learner's page, in a browser", { skip, ...PATIENCE }, () => {
  it('are there with what each plays and comes to, how far it moved, and go when they end', (t) =>
    withPlace(async ({ address, learnerFolder, episodes, openLearner, openRuntime }) => {
      const port = await openLearner();
      const courier = await openRuntime({}, 'cell-1');
      await putEpisodes(episodes, names(1));
      courier.notify();
      await until(() => courier.status().acknowledged === 1);
      const shown = await openLearningConsole({
        ...{ access: { host: '127.0.0.1' }, addresses: (url) => [url], port: 0 },
        ...{ learner: { folder: learnerFolder, batch: 4, runs: true }, episodes: [], answers: {} },
        log: () => undefined,
      });
      t.after(() => shown.close());
      const watcher = NATS.as(address, 'watcher');
      const endRobots = showRobots(shown, { address: watcher, log: () => undefined });
      t.after(endRobots);
      port.tell({
        learner: {
          ...{ base: BASE, origin: BASE, first: BASE, plays: BASE },
          pinned: { 'cell-2': { version: BASE, by: 'Anna' } },
          versions: [{ version: BASE, parent: null, rolledBack: false }],
          ...{ waiting: 0, batch: 4, consumed: 12 },
        },
        robots: {
          'cell-1': { success: cells(8, 6), moved: { view: [0.021, -0.004] } },
          'cell-2': { success: cells(4, 1) },
        },
      });

      const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
      t.after(() => browser.close());
      const page = await browser.newPage();
      const problems: string[] = [];
      page.on('pageerror', ({ message }) => problems.push(message));
      await page.goto(`${shown.url}#learn`);
      const there = await rowOf(page, 'cell-1', 'there', 'view');
      assert.match(there[2], new RegExp(BASE.slice(0, 6)));
      assert.match(there[3], /6 of 8/);
      assert.equal(there[5], 'view 2.1 %');
      assert.equal(there[6], '0');
      const away = await rowOf(page, 'cell-2', 'pinned by Anna');
      assert.equal(away[1], 'never heard');
      assert.match(away[4], /1 of 4/);
      assert.equal(away[5], 'as it began');

      await courier.close();
      const gone = await rowOf(page, 'cell-1', 'ago');
      assert.doesNotMatch(gone[1], /there/);
      assert.deepEqual(problems, []);
    }, NATS));
});
