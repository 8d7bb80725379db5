import assert from 'node:assert/strict';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { calibrationYaml, loadCalibration } from '../../src/robot/calibrationFile.ts';
import { SIM_CALIBRATION } from '../../src/sim/embodiment.ts';
import { spawnNalu } from '../cli/nalu.ts';
import { withFolder } from '../onnx/run.ts';
import { assertSaid, assertSaidIn } from '../refusals.ts';
import { type TestPage, openPage } from './client.ts';

/** s that a step on the simulated robot may take on a busy machine. */
const STEP = 60;

/** Runs nalu calibrate --console, and has a page talk to it. */
async function onPage(args: readonly string[], talk: (page: TestPage) => Promise<void>) {
  let talking: Promise<void> | undefined;
  let said = '';
  const ended = await spawnNalu(['calibrate', ...args, '--console', '0'], (child) => {
    child.stderr?.on('data', (data: Buffer) => {
      said += data.toString();
      const url = /http:\S+/.exec(said)?.[0];
      if (url === undefined || talking) return;
      talking = openPage(url).then(talk);
      // A talk that fails ends what would wait for its answers; its error is thrown below.
      talking.catch(() => child.kill('SIGINT'));
    });
  });
  await talking;
  return ended;
}

/** Waits for the next question and answers it; gives what was asked. */
async function answer(page: TestPage, key: string): Promise<string> {
  await page.until(() => page.topics.calibration?.question, 'a question', STEP);
  const { number, text } = page.topics.calibration!.question!;
  const reply = await page.ask('answer', { question: number, key });
  assert.ok(reply.ok, JSON.stringify(reply));
  const isPassed = () => page.topics.calibration?.question?.number !== number;
  await page.until(isPassed, `an end of “${text}”`);
  return text;
}

describe('a calibration that is led on the page', () => {
  it('puts cameras right by what the page answers, and shows them live', () =>
    withFolder(async (folder) => {
      const built = await loadCalibration(SIM_CALIBRATION);
      const [high, low, ...rest] = built.cameras;
      const swapped = [{ ...high, topic: low.topic }, { ...low, topic: high.topic }, ...rest];
      const [from, file] = ['wrong.yaml', 'right.yaml'].map((name) => join(folder, name));
      await writeFile(from, calibrationYaml({ ...built, cameras: swapped }));
      let asked: string[] = [];
      const args = [file, '--from', from, '--steps', 'cameras'];
      const { code, out } = await onPage(args, async (page) => {
        asked = [await answer(page, '')];
        await page.until(() => page.pictures.size === built.cameras.length, 'pictures', STEP);
        const isCounted = () => page.topics.sensors?.some(({ name, rate }) => name === 'cam_high' && rate > 0); // prettier-ignore
        await page.until(isCounted, 'rates', STEP);
        for (const key of ['cam_low', 'cam_high', '', '', 'y']) asked.push(await answer(page, key));
        await page.until(() => page.topics.calibration?.ended, 'the end on the page', STEP);
      });
      assert.equal(code, 0, out);
      assertSaid(asked[1], 'cam_high', low.topic);
      assertSaid(asked.at(-1)!, 'Write', file);
      assertSaidIn(out, 'Wrote', file);
      const { cameras } = await loadCalibration(file);
      assert.deepEqual(cameras, built.cameras);
    }));

  it('replaces nothing unasked, and takes answers to its question alone, of the operator alone', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'mine.yaml');
      const before = calibrationYaml(await loadCalibration(SIM_CALIBRATION));
      await writeFile(file, before);
      let ended: string | undefined;
      const { code, err } = await onPage([file, '--steps', 'grippers'], async (page) => {
        await page.until(() => page.topics.calibration?.question, 'a question', STEP);
        const { number, text } = page.topics.calibration!.question!;
        assertSaid(text, file, 'there already', 'Replace');
        const refused = [
          await page.ask('answer', { question: number + 1, key: 'y' }),
          await page.ask('answer', { question: number, key: 'perhaps' }),
        ];
        await page.ask('leaveSeat', null);
        refused.push(await page.ask('answer', { question: number, key: 'y' }));
        assert.deepEqual(
          refused.map(({ ok }) => ok),
          [false, false, false],
        );
        await page.ask('takeSeat', null);
        await answer(page, 'n');
        await page.until(() => page.topics.calibration?.ended, 'the end on the page', STEP);
        ({ ended } = page.topics.calibration!);
      });
      assert.equal(code, 1);
      assertSaidIn(err.replaceAll(/^nalu: /gm, ''), file, 'left as it is');
      assertSaid(ended!, file, 'left as it is');
      assert.equal(await readFile(file, 'utf8'), before);
      assert.deepEqual(await readdir(folder), ['mine.yaml']);
    }));
});
