import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertThrowsAbout } from '../refusals.ts';
import { taskOf } from '../../src/robot/taskOf.ts';

const calibration = { tasks: { 'pick-cube': 'Pick up the cube', sort: 'Sort the screws' } };
const chosen = (task: string, prompt: string) => taskOf(calibration, { task, prompt }, 'mine.yaml');

describe("a real robot's task", () => {
  it("is the first of the calibration's, or the one that is named", () => {
    assert.deepEqual(chosen('', ''), { name: 'pick-cube', prompt: 'Pick up the cube' });
    assert.deepEqual(chosen('sort', ''), { name: 'sort', prompt: 'Sort the screws' });
  });

  it('is by default what its policy was trained for, under the name that the calibration has for it', () => {
    const trained = (tasks: Record<string, string>) => taskOf(calibration, {}, 'mine.yaml', tasks);
    assert.deepEqual(trained({ screws: 'Sort the screws' }), { name: 'sort', prompt: 'Sort the screws' }); // prettier-ignore
    assert.deepEqual(trained({ fold: 'Fold it' }), { name: 'fold', prompt: 'Fold it' });
    assert.equal(taskOf(calibration, { task: 'sort' }, 'mine.yaml', { fold: 'Fold it' }).name, 'sort'); // prettier-ignore
  });

  it('is another one by its prompt, named after it where nobody names it', () => {
    assert.deepEqual(chosen('', 'Hand it over!'), {
      name: 'hand-it-over',
      prompt: 'Hand it over!',
    });
    assert.deepEqual(chosen('mine', 'Hand it over'), { name: 'mine', prompt: 'Hand it over' });
    assert.deepEqual(chosen('', 'Sort the screws').name, 'sort');
    assert.deepEqual(chosen('sort', 'Sort them by size'), { name: 'sort', prompt: 'Sort them by size' }); // prettier-ignore
  });

  it('is refused where that leaves no prompt, with the tasks that there are', () => {
    const lacks = { kind: 'missing', subject: 'mine.yaml', fields: ['tasks'] } as const;
    assertThrowsAbout(() => chosen('fold', ''), { ...lacks, names: ['fold', 'pick-cube', 'sort'] });
    assertThrowsAbout(() => taskOf({}, {}, 'mine.yaml'), lacks);
  });
});
