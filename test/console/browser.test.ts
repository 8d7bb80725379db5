import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Browser, type Page, type WebSocketRoute, chromium } from 'playwright-core';
import { packagePath } from '../../src/files/packagePath.ts';
import { childOf } from './processOf.ts';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync); // prettier-ignore
const skip = CHROMIUM === undefined && 'no Chromium to test with: apt-get install chromium';

/** Milliseconds that an attempt on the simulated robot may take on a busy machine. */
const ATTEMPT = { timeout: 60_000 };
const TABS = ['Operate', 'Learn', 'Episodes', 'Compare', 'Set up'];
/** Forty letters, the widest there are. */
const LONGEST_NAME = 'W'.repeat(40);
const SIZES = { tablet: [1280, 800], upright: [800, 1280], phone: [390, 844] } as const;

describe('the console in a browser', { skip }, () => {
  let folder: string;
  let nalu: ChildProcess;
  let url: string;
  let browser: Browser;
  const problems: string[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nalu-console-'));
    const options = ['sim', '--console', '0', '--record', folder];
    nalu = spawn(process.execPath, [packagePath('dist/src/cli.js'), ...options]);
    let said = '';
    while (!/http:\S+/.test(said)) said += String((await once(nalu.stderr!, 'data'))[0]);
    [url] = /http:\S+/.exec(said)!;
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  });
  after(async () => {
    await browser?.close();
    nalu?.kill('SIGINT');
    if (nalu && nalu.exitCode === null) await once(nalu, 'exit');
    await rm(folder, { recursive: true, force: true });
  });

  const phase = (page: Page, name: RegExp) => page.getByTestId('phase').filter({ hasText: name });
  const open = async (options: Parameters<Browser['newPage']>[0] = {}): Promise<Page> => {
    const page = await browser.newPage(options);
    page.on('pageerror', ({ message }) => problems.push(message));
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
    await page.goto(url);
    await phase(page, /ready|reset|stopped/i).waitFor();
    return page;
  };
  /** A page of the person with this name. */
  const named = (value: string) => ({
    storageState: {
      cookies: [],
      origins: [{ origin: new URL(url).origin, localStorage: [{ name: 'nalu.name', value }] }],
    },
  });
  const press = (page: Page, name: RegExp) => page.getByRole('button', { name }).first().click();
  const stop = async (page: Page) => {
    await page.keyboard.press('Space');
    await page.getByRole('region', { name: 'Stopped' }).waitFor();
  };
  const resume = async (page: Page) => {
    await press(page, /^Resume/);
    await press(page, /Release the stop/);
    await phase(page, /ready/i).waitFor();
  };

  it('operates a whole attempt: start, pictures, judgement, scene ready', async () => {
    const page = await open();
    await press(page, /^Start/);
    await phase(page, /running/i).waitFor(ATTEMPT);
    await page.getByText('cam_high').first().waitFor();
    const asked = phase(page, /success or failure/i);
    await asked.or(phase(page, /reset the scene/i)).waitFor(ATTEMPT);
    if (await asked.isVisible()) await page.keyboard.press('s');
    await phase(page, /reset the scene/i).waitFor();
    await press(page, /^Scene ready/);
    await phase(page, /ready/i).waitFor();
    assert.equal((await readdir(folder)).filter((file) => file.endsWith('.mcap')).length, 1);
    await page.close();
  });

  it('stops in the middle of a chunk by a key, stays stopped, and says who stopped it', async () => {
    const page = await open();
    await press(page, /^Start/);
    await phase(page, /running/i).waitFor(ATTEMPT);
    await stop(page);
    await page
      .getByRole('region', { name: 'Stopped' })
      .getByText(/stopped by/i)
      .first()
      .waitFor();
    await page.keyboard.press('Enter');
    await page.waitForTimeout(300);
    assert.ok(await page.getByRole('region', { name: 'Stopped' }).isVisible(), 'it did not start');
    await resume(page);
    await page.close();
  });

  it('lets one page operate at a time: another one takes over, and both see it', async () => {
    const [first, second] = [await open(), await open()];
    await first.getByRole('button', { name: /you operate/i }).waitFor();
    await second.getByText(/operates\. You watch.*heartbeat is off/).waitFor();
    await press(second, /Who is there/);
    await second
      .getByRole('button', { name: /take over/i })
      .first()
      .click();
    await second.getByRole('button', { name: /you operate/i }).waitFor();
    await first.getByRole('button', { name: /you operate/i }).waitFor({ state: 'detached' });
    await first.close();
    await second.close();
  });

  it('covers a page without connection, and shows the robot again when the server is back', async () => {
    const page = await open();
    process.kill(childOf(nalu.pid!, 'consoleProcess.js'), 'SIGKILL');
    await page.getByTestId('lost').waitFor();
    await page.getByTestId('lost').waitFor({ state: 'detached', ...ATTEMPT });
    await phase(page, /ready/i).waitFor();
    await page.close();
  });

  it('operates again after a cut of which the server hears only later', async () => {
    const page = await browser.newPage();
    const ends: { page: WebSocketRoute; server: WebSocketRoute }[] = [];
    await page.routeWebSocket(/live$/, (socket) => {
      // The server is told by the test alone.
      socket.onClose(() => undefined);
      ends.push({ page: socket, server: socket.connectToServer() });
    });
    await page.goto(url);
    const seat = page.getByRole('button', { name: /you operate/i });
    await seat.waitFor();
    await ends[0].page.close();
    await page.getByText(/operates\. You watch/).waitFor();
    await ends[0].server.close();
    await seat.waitFor();
    await page.close();
  });

  it('says on the set-up tab whether the policy fits the robot, without a motion', async () => {
    const page = await open();
    await page.getByRole('link', { name: 'Set up' }).click();
    await press(page, /^Check/);
    const fit = page.getByRole('region', { name: 'Policy and robot' });
    await fit.getByText(/14 joints in order.*first tick moves at most/).waitFor(ATTEMPT);
    await page.getByRole('link', { name: 'Operate' }).click();
    await phase(page, /ready/i).waitFor();
    await page.close();
  });

  for (const colorScheme of ['light', 'dark'] as const)
    it(`has no serious fault of accessibility on any tab, ${colorScheme}`, async () => {
      const axe = await readFile(createRequire(import.meta.url).resolve('axe-core'), 'utf8');
      const page = await open({ colorScheme });
      for (const tab of TABS) {
        await page.getByRole('link', { name: tab }).click();
        await page.waitForTimeout(200);
        // The page's policy allows no script but its own; this one comes from the test.
        const { violations } = await page.evaluate<AxeResults>(`${axe}; axe.run()`);
        const faults = violations.filter(({ impact }) => ['serious', 'critical'].includes(impact));
        assert.deepEqual(
          faults.map(({ id, nodes }) => [id, nodes[0].html]),
          [],
          tab,
        );
      }
      await page.close();
    });

  for (const [name, [width, height]] of Object.entries(SIZES))
    it(`fits a ${name}: the stop in sight on every tab, whatever the operator's name and however far it is scrolled`, async () => {
      const operator = await open(named(LONGEST_NAME));
      const page = await open({ viewport: { width, height } });
      await page.getByRole('button', { name: `${LONGEST_NAME} operates` }).waitFor();
      for (const tab of TABS) {
        await page.getByRole('link', { name: tab }).click();
        await page.mouse.move(width / 2, height / 2);
        await page.mouse.wheel(0, 9999);
        await page.evaluate('window.scrollTo(9999, 9999); document.querySelector("main").scrollTop = 9999'); // prettier-ignore
        const moved = await page.evaluate<number[]>('[window.scrollX, window.scrollY]');
        assert.deepEqual(moved, [0, 0], `${tab}: the page itself scrolls`);
        const wide = await page.evaluate<number>('document.querySelector("main").scrollWidth');
        assert.ok(wide <= width, `${tab}: ${wide} wide`);
        for (const part of [
          page.getByRole('button', { name: /^STOP/ }),
          page.getByRole('banner'),
        ]) {
          const box = await part.boundingBox();
          assert.ok(box && box.height >= 44, tab);
          assert.ok(box.x >= 0 && box.x + box.width <= width, `${tab}: ${JSON.stringify(box)}`);
          assert.ok(box.y >= 0 && box.y + box.height <= height, `${tab}: ${JSON.stringify(box)}`);
        }
      }
      await operator.close();
      await page.close();
    });

  it('closes a dialog by Escape, wherever the focus is, and does not stop the robot by it', async () => {
    const page = await open();
    for (const [button, title] of [
      [/^Keys/, 'Keys'],
      [/Who is there/, 'Who is there'],
    ] as const) {
      // prettier-ignore
      const dialog = page.getByRole('dialog', { name: title });
      await press(page, button);
      await dialog.waitFor();
      await page.evaluate('document.activeElement.blur()');
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'detached' });
    }
    // A stopped robot would refuse it. Attempts of other series do not count into this one.
    await press(page, /^More attempts/);
    await press(page, /^Start 2/);
    await phase(page, /running/i).waitFor(ATTEMPT);
    await page.getByText('attempt 1 of 2', { exact: true }).waitFor();
    await press(page, /^Discard/);
    await phase(page, /ready/i).waitFor();
    await page.close();
  });

  it('runs without an error of its own', () => {
    // The connection that was cut by the kill.
    assert.deepEqual(problems.filter((text) => !/WebSocket|ERR_CONNECTION/.test(text)), []); // prettier-ignore
  });
});

/** What axe finds. */
interface AxeResults {
  violations: { id: string; impact: string; nodes: { html: string }[] }[];
}
