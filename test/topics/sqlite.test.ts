import assert from 'node:assert/strict';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import sqlite from 'node-sqlite3-wasm';
import { openBytes } from '../../src/episodes/byteSource.ts';
import { openSqlite } from '../../src/topics/bags/sqlite.ts';
import { textOf } from '../../src/topics/bags/sqliteRow.ts';
import { assertRejectsAbout, assertSaid } from '../refusals.ts';

const root = await mkdtemp(join(tmpdir(), 'nalu-sqlite-'));
after(() => rm(root, { recursive: true }));

type Row = [stamp: bigint, text: string, data: Uint8Array];

let count = 0;

/** Writes a table by SQLite itself. */
function written(rows: readonly Row[], pageSize = 4096): string {
  const path = join(root, `${count++}.db3`);
  const db = new sqlite.Database(path);
  db.exec(`PRAGMA page_size=${pageSize}`);
  db.exec('CREATE TABLE other(id INTEGER PRIMARY KEY)');
  db.exec('CREATE TABLE messages(id INTEGER PRIMARY KEY, stamp INTEGER, text TEXT, data BLOB)');
  db.exec('BEGIN');
  for (const row of rows) db.run('INSERT INTO messages (stamp, text, data) VALUES (?, ?, ?)', row);
  db.exec('COMMIT');
  db.close();
  return path;
}

async function readBack(path: string): Promise<{ rows: Row[]; ids: number[]; damage: string[] }> {
  const file = await openBytes(path);
  try {
    const db = await openSqlite(file, path);
    const rows: Row[] = [];
    const ids: number[] = [];
    for await (const { id, values } of db.rows('messages')) {
      const [, stamp, text, data] = values;
      ids.push(id);
      rows.push([
        stamp as bigint,
        await textOf(text),
        Uint8Array.from(typeof data === 'object' ? await data.read() : []),
      ]);
    }
    return { rows, ids, damage: db.damage };
  } finally {
    await file.close();
  }
}

const bytes = (length: number) => Uint8Array.from({ length }, (_, i) => i * 7);

describe('a table that SQLite wrote', () => {
  const row = fc.tuple(
    fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.bigInt({ min: -200n, max: 200n })), // prettier-ignore
    fc.string({ unit: 'grapheme', maxLength: 40 }),
    fc.oneof(
      fc.uint8Array({ maxLength: 600 }),
      // Around the lengths at which a row goes on in pages of its own.
      fc.integer({ min: 3900, max: 4200 }).map(bytes),
      fc.integer({ min: 0, max: 30000 }).map(bytes),
    ),
  );

  it('is read back, whatever its values and the size of its pages', async () => {
    const pageSize = fc.constantFrom(512, 1024, 4096, 65536);
    const property = fc.asyncProperty(fc.array(row, { maxLength: 60 }), pageSize, async (rows, size) => {
      const path = written(rows, size);
      const read = await readBack(path);
      assert.deepEqual(read, { rows, ids: rows.map((_, i) => i + 1), damage: [] });
      await rm(path);
    }); // prettier-ignore
    await fc.assert(property, { numRuns: 15 });
  });

  it('is read where it has so many rows that its pages lie three deep', async () => {
    const rows = Array.from({ length: 4000 }, (_, i): Row => [BigInt(i), `row ${i}`, bytes(60)]);
    assert.deepEqual((await readBack(written(rows, 512))).rows, rows);
  });

  it('is read as far as it is there where the file was cut, and says so', async () => {
    const rows = Array.from({ length: 200 }, (_, i): Row => [BigInt(i), '', bytes(1000)]);
    const path = written(rows);
    await truncate(path, 30 * 4096);
    const read = await readBack(path);
    assertSaid(read.damage[0], 'ends early', 30);
    assert.ok(read.rows.length > 20 && read.rows.length < 200);
    assert.deepEqual(read.rows, rows.slice(0, read.rows.length));
  });

  it('has no rows where there is no such table', async () => {
    const path = join(root, 'empty.db3');
    new sqlite.Database(path).exec('CREATE TABLE other(a)');
    assert.deepEqual((await readBack(path)).rows, []);
  });
});

it('another file is refused', async () => {
  const path = join(root, 'text.db3');
  await writeFile(path, 'no database, but long enough for the header of one. '.repeat(9));
  await assertRejectsAbout(readBack(path), { kind: 'invalid', subject: path });
});
