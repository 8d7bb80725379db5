import { open } from 'node:fs/promises';

/** Lines on disk to which some are added and from which none is taken. */
export interface Ledger {
  /** In the order in which they were added. */
  readonly lines: ReadonlySet<string>;
  /** Resolves when the line is on the disk. Lines that come while others are written share the next sync. */
  add(line: string): Promise<void>;
  close(): Promise<void>;
}

/** Opens a ledger, made if absent. A last line that a kill cut off counts as not added. */
export async function openLedger(path: string): Promise<Ledger> {
  const file = await open(path, 'a+');
  const text = await file.readFile('utf8');
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  let size = Buffer.byteLength(whole);
  await file.truncate(size);
  const lines = new Set(whole.split('\n').filter((line) => line !== ''));
  const write = async (added: readonly string[]) => {
    if (added.length === 0) return;
    const bytes = Buffer.from(`${added.join('\n')}\n`);
    try {
      await file.appendFile(bytes);
      await file.datasync();
    } catch (error) {
      await file.truncate(size);
      throw error;
    }
    size += bytes.length;
    for (const line of added) lines.add(line);
  };
  let last: Promise<void> = Promise.resolve();
  /** Those that wait for the write that is under way. */
  let next: { lines: Set<string>; written: Promise<void> } | undefined;

  const queue = () => {
    const waiting = new Set<string>();
    const begin = () => {
      next = undefined;
      return write([...waiting].filter((line) => !lines.has(line)));
    };
    last = last.then(begin, begin);
    return { lines: waiting, written: last };
  };
  return {
    lines,
    add(line) {
      if (lines.has(line)) return Promise.resolve();
      next ??= queue();
      next.lines.add(line);
      return next.written;
    },
    close: () => file.close(),
  };
}
