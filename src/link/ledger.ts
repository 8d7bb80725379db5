import { open } from 'node:fs/promises';

/** Lines on disk to which some are added and from which none is taken. */
export interface Ledger {
  /** In the order in which they were added. */
  readonly lines: ReadonlySet<string>;
  /** Resolves when the line is on the disk. Calls must not overlap. */
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
  return {
    lines,
    async add(line) {
      if (lines.has(line)) return;
      const bytes = Buffer.from(`${line}\n`);
      try {
        await file.appendFile(bytes);
        await file.datasync();
      } catch (error) {
        await file.truncate(size);
        throw error;
      }
      size += bytes.length;
      lines.add(line);
    },
    close: () => file.close(),
  };
}
