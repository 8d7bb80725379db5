import { appendFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { UserError } from '../../src/errors.ts';
import { warn } from '../../src/warnings.ts';
import { serve } from '../../src/processes/serve.ts';

/** What the service of these tests is opened with. */
export interface ServiceData {
  /** Why it cannot be opened. */
  fault?: string;
  /** Where it writes a line when it is closed or abandoned. */
  log?: string;
}

export interface ServiceFunctions {
  zeros: (count: number) => Float32Array;
  /** Writes into memory that it shares with its parent. */
  write: (memory: SharedArrayBuffer, value: number) => void;
  refuse: (why: string) => never;
  /** Answers with what the parent's function answers. */
  twice: (value: number) => Promise<number>;
  sleep: (milliseconds: number, value: string) => Promise<string>;
  pid: () => number;
  exit: (code: number) => never;
  /** Throws, which nobody awaits. */
  crash: () => never;
  wrongAnswer: () => unknown;
  warn: (text: string) => void;
}

export interface ParentFunctions {
  double: (value: number) => number;
}

serve<ServiceFunctions, ServiceData | undefined, ParentFunctions>((data, parent) => {
  if (data?.fault !== undefined) throw new UserError(data.fault);
  const note = async (line: string) => {
    if (data?.log !== undefined) await appendFile(data.log, `${line}\n`);
  };
  return {
    zeros: (count) => new Float32Array(count),
    write(memory, value) {
      new Uint8Array(memory)[0] = value;
    },
    refuse(why) {
      throw new UserError(why, { exitCode: 3, kind: 'missing', subject: 'x.bag', fields: ['a'] });
    },
    twice: (value) => parent.ask('double', value),
    sleep: (milliseconds, value) => setTimeout(milliseconds, value),
    pid: () => process.pid,
    exit: (code) => process.exit(code),
    crash() {
      throw new Error('a fault of the service');
    },
    wrongAnswer: () => () => undefined,
    warn,
    close: () => note('closed'),
    abandon: () => note('abandoned'),
  };
});
