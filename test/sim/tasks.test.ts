import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type SimTaskName } from '../../src/sim/taskNames.ts';
import { simTasks } from '../../src/sim/tasks.ts';

const left = 'left_finger';
const right = 'right_finger';

function reward(task: SimTaskName, ...pairs: [string, string][]) {
  return simTasks[task].reward((first, second) =>
    pairs.some((pair) => pair.includes(first) && pair.includes(second)),
  );
}

describe('the reward of transfer-cube', () => {
  const stages: [number, [string, string][]][] = [
    [0, [['red_box', 'table']]],
    [
      1,
      [
        ['red_box', 'table'],
        ['red_box', right],
      ],
    ],
    [2, [['red_box', right]]],
    [
      3,
      [
        ['red_box', 'table'],
        ['red_box', left],
      ],
    ],
    [
      4,
      [
        ['red_box', right],
        ['red_box', left],
      ],
    ],
    [4, [['red_box', left]]],
  ];
  for (const [worth, pairs] of stages)
    it(`is ${worth} where ${pairs.map((pair) => pair.join(' touches ')).join(' and ')}`, () => {
      assert.equal(reward('transfer-cube', ...pairs), worth);
    });
});

describe('the reward of insertion', () => {
  const held: [string, string][] = [
    ['red_peg', right],
    ['socket-2', left],
  ];
  const stages: [number, string, [string, string][]][] = [
    [0, 'one hand touches its object', [['red_peg', right]]],
    [1, 'both hands touch, the socket on the table', [...held, ['socket-1', 'table']]],
    [2, 'both are lifted', held],
    [3, 'the lifted peg touches the socket', [...held, ['red_peg', 'socket-3']]],
    [4, 'the peg touches the pin', [...held, ['red_peg', 'pin']]],
  ];
  for (const [worth, when, pairs] of stages)
    it(`is ${worth} where ${when}`, () => {
      assert.equal(reward('insertion', ...pairs), worth);
    });
});
