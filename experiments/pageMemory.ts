import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type CDPSession, type Page, chromium } from 'playwright-core';
import { packagePath } from '../src/files/packagePath.ts';
import { markdownTable } from './markdown.ts';

const HELP = `npm run page-memory -- [--minutes N] [--browser FILE]

Memory of the console's page minute by minute, while the simulated robot makes one attempt after the other and four
cameras are shown. Needs a Chromium.`;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    browser: { type: 'string', default: '/usr/bin/chromium' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit();
}

/** What a person does in each phase. */
const KEYS: [phase: RegExp, key: string][] = [
  [/success or failure/i, 's'],
  [/reset the scene/i, 'Enter'],
  [/ready/i, 'Enter'],
];

/** Presses what the phase asks for, once a second until `due` (ms of performance.now). */
async function operateUntil(page: Page, due: number): Promise<void> {
  while (performance.now() < due) {
    const phase = (await page.getByTestId('phase').textContent()) ?? '';
    const key = KEYS.find(([asked]) => asked.test(phase))?.[1];
    if (key) await page.keyboard.press(key);
    await setTimeout(1000);
  }
}

/** Resident memory of the browser's process that runs the page, bytes: the largest of its renderers. */
async function residentOf(browser: CDPSession): Promise<number> {
  const { processInfo } = await browser.send('SystemInfo.getProcessInfo');
  const renderers = processInfo.filter(({ type }) => type === 'renderer');
  const sizes = renderers.map(async ({ id }) => {
    const status = await readFile(`/proc/${id}/status`, 'utf8');
    return 1024 * Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0);
  });
  return Math.max(...(await Promise.all(sizes)));
}

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(2);

/** A row of the table: the heap after a garbage collection, elements of the page, and all that its process holds. */
async function measure(minute: number, page: CDPSession, browser: CDPSession): Promise<string[]> {
  await page.send('HeapProfiler.collectGarbage');
  const { usedSize } = await page.send('Runtime.getHeapUsage');
  const { nodes } = await page.send('Memory.getDOMCounters');
  return [`${minute}`, megabytes(usedSize), `${nodes}`, megabytes(await residentOf(browser))];
}

const nalu = spawn(process.execPath, [packagePath('dist/src/cli.js'), 'sim', '--console', '0']);
let said = '';
while (!/http:\S+/.test(said)) said += String((await once(nalu.stderr, 'data'))[0]);
const browser = await chromium.launch({ executablePath: values.browser, args: ['--no-sandbox'] });
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  await page.goto(/http:\S+/.exec(said)![0]);
  await page.getByTestId('phase').waitFor();
  const [ofPage, ofBrowser] = [
    await page.context().newCDPSession(page),
    await browser.newBrowserCDPSession(),
  ];
  await ofPage.send('HeapProfiler.enable');
  const rows: string[][] = [];
  const began = performance.now();
  for (let minute = 1; minute <= Number(values.minutes); minute++) {
    await operateUntil(page, began + minute * 60_000);
    const row = await measure(minute, ofPage, ofBrowser);
    rows.push(row);
    console.error(row.join('  '));
  }
  const attempts = await page.locator('.attempts-rate').textContent();
  console.log(markdownTable(['minute', 'heap, MB', 'elements', 'process, MB'], rows));
  console.log(`\n${attempts}`);
} finally {
  await browser.close();
  nalu.kill('SIGINT');
}
