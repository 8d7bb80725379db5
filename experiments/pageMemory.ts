import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type CDPSession, type Page, chromium } from 'playwright-core';
import { packagePath } from '../src/files/packagePath.ts';
import { markdownTable } from './markdown.ts';

const HELP = `npm run page-memory -- [--minutes N] [--browser FILE]

How soon the console's page shows a picture, and its memory minute by minute, while the simulated robot makes one attempt after the other and four
cameras are shown; then once more after Chromium was told that memory is short, when it lets go of its caches. Needs a
Chromium.`;

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

/** Milliseconds for Chromium to let go of what it can. */
const PAUSE = 3000;

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

/** Of a heap snapshot, as Chromium writes it. */
interface Snapshot {
  snapshot: { meta: { node_fields: string[] } };
  nodes: number[];
}

/** What V8 notes of an element that is in no document any more. */
const DETACHED = 2;

/** Elements that are held though they are in no document. */
async function detachedElements(page: CDPSession): Promise<number> {
  const chunks: string[] = [];
  const keep = ({ chunk }: { chunk: string }) => void chunks.push(chunk);
  page.on('HeapProfiler.addHeapSnapshotChunk', keep);
  await page.send('HeapProfiler.takeHeapSnapshot', { reportProgress: false });
  page.off('HeapProfiler.addHeapSnapshotChunk', keep);
  const { snapshot, nodes } = JSON.parse(chunks.join('')) as Snapshot;
  const fields = snapshot.meta.node_fields;
  const at = fields.indexOf('detachedness');
  return nodes.filter((value, i) => i % fields.length === at && value === DETACHED).length;
}

/**
 * A row of the table: the heap after a garbage collection, the page's elements and those that are held in no document,
 * and all that its process holds.
 */
async function measure(name: string, page: CDPSession, browser: CDPSession): Promise<string[]> {
  await page.send('HeapProfiler.collectGarbage');
  const { usedSize } = await page.send('Runtime.getHeapUsage');
  const { nodes } = await page.send('Memory.getDOMCounters');
  return [
    name,
    megabytes(usedSize),
    `${nodes}`,
    `${await detachedElements(page)}`,
    megabytes(await residentOf(browser)),
  ];
}

const nalu = spawn(process.execPath, [packagePath('dist/src/cli.js'), 'sim', '--console', '0']);
let said = '';
while (!/http:\S+/.test(said)) said += String((await once(nalu.stderr, 'data'))[0]);
const browser = await chromium.launch({ executablePath: values.browser, args: ['--no-sandbox'] });
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  const firstPicture = async (load: () => Promise<unknown>) => {
    const began = performance.now();
    await load();
    await page.locator('.camera:not(.stale)').first().waitFor();
    return `${((performance.now() - began) / 1000).toFixed(2)} s`;
  };
  const first = await firstPicture(() => page.goto(/http:\S+/.exec(said)![0]));
  const again = await firstPicture(() => page.reload());
  console.error(`first picture after ${first}, as the simulation starts; after a reload ${again}`);
  const [ofPage, ofBrowser] = [
    await page.context().newCDPSession(page),
    await browser.newBrowserCDPSession(),
  ];
  await ofPage.send('HeapProfiler.enable');
  const rows: string[][] = [];
  const began = performance.now();
  for (let minute = 1; minute <= Number(values.minutes); minute++) {
    await operateUntil(page, began + minute * 60_000);
    const row = await measure(`${minute}`, ofPage, ofBrowser);
    rows.push(row);
    console.error(row.join('  '));
  }
  await ofPage.send('Memory.simulatePressureNotification', { level: 'critical' });
  await setTimeout(PAUSE);
  rows.push(await measure('memory short', ofPage, ofBrowser));
  const attempts = await page.locator('.attempts-rate').textContent();
  console.log(markdownTable(['minute', 'heap, MB', 'elements', 'detached', 'process, MB'], rows));
  console.log(`\n${attempts}`);
} finally {
  await browser.close();
  nalu.kill('SIGINT');
}
