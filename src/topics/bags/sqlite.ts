import { invalid, messageOf } from '../../errors.ts';
import type { ByteSource } from '../../episodes/byteSource.ts';
import { type ReadRow, type SqliteValue, textOf, valuesOf, varint } from './sqliteRow.ts';

/** A row of a table. A column that is its id has no value of its own. */
export interface SqliteRow {
  id: number;
  /** In the order of the table's columns. */
  values: SqliteValue[];
}

/** A database's tables, read page by page. Nothing is locked, and nothing is written beside the file. */
export interface Sqlite {
  /** Rows of a table in the order of their ids; none of a table that is not there. Damaged ones are left out. */
  rows(table: string): AsyncGenerator<SqliteRow>;
  /** What cannot be read of it, as far as it was read. */
  damage: string[];
}

const MAGIC = 'SQLite format 3\0';
/** Bytes of the database's header, which page 1 begins with. */
const HEADER = 100;
/** Kinds of pages of a table: with the numbers of others, or with rows. */
const INNER = 5;
const LEAF = 13;

interface Layout {
  pageSize: number;
  /** Bytes of a page that tables may use. */
  usable: number;
  /** Pages in the file, and those that its header speaks of. */
  pages: number;
  declared: number;
}

async function layoutOf(file: ByteSource, path: string): Promise<Layout> {
  const head = await file.read(0, HEADER);
  if (head.length < HEADER || head.toString('latin1', 0, MAGIC.length) !== MAGIC)
    throw invalid(path, 'cannot be read as a SQLite bag: it does not begin as a database');
  const size = head.readUInt16BE(16);
  const pageSize = size === 1 ? 65536 : size;
  const pages = Math.floor(file.size / pageSize);
  // The count holds if the version that it was written by is the file's.
  const isCounted = head.readUInt32BE(24) === head.readUInt32BE(92);
  const declared = isCounted ? head.readUInt32BE(28) : pages;
  return { pageSize, usable: pageSize - head[20], pages, declared };
}

/** How many of a row's bytes lie in the page of its table. */
function localSize(size: number, usable: number): number {
  if (size <= usable - 35) return size;
  const least = Math.floor(((usable - 12) * 32) / 255) - 23;
  const fitting = least + ((size - least) % (usable - 4));
  return fitting <= usable - 35 ? fitting : least;
}

/** Opens a SQLite database. Throws a `UserError` that begins with `path` if it is none. */
export async function openSqlite(file: ByteSource, path: string): Promise<Sqlite> {
  const { pageSize, usable, pages, declared } = await layoutOf(file, path);
  const damage: string[] = [];
  if (declared > pages)
    damage.push(`the file ends early: it has ${pages} of its ${declared} pages`);
  /** A page by its number, as bytes of its own: a row that is not read yet keeps them. */
  const pageAt = async (number: number) =>
    Buffer.from(await file.read((number - 1) * pageSize, pageSize));

  /** Reads the row at an offset of a page; what does not fit into the page is in a chain of others. */
  function rowAt(page: Buffer, at: number): { id: number; read: ReadRow } {
    const [size, idAt] = varint(page, at);
    const [id, start] = varint(page, idAt);
    const end = start + localSize(size, usable);
    const local = page.subarray(start, end);
    const read: ReadRow = async (length) => {
      const wanted = Math.min(length, size);
      if (wanted <= local.length) return local.subarray(0, wanted);
      const parts = [local];
      let next = page.readUInt32BE(end);
      for (let have = local.length; have < wanted; have += usable - 4) {
        if (next < 1 || next > pages || have > file.size)
          throw invalid(path, `a row of ${size} bytes goes on in page ${next}, and there are ${pages}`); // prettier-ignore
        const more = await pageAt(next);
        parts.push(more.subarray(4, usable));
        next = more.readUInt32BE(0);
      }
      return Buffer.concat(parts, wanted);
    };
    return { id, read };
  }

  async function row(page: Buffer, at: number): Promise<SqliteRow> {
    const { id, read } = rowAt(page, at);
    return { id, values: await valuesOf(read) };
  }

  /** The rows of a page of a table and of those below it. */
  async function* below(number: number, above: readonly number[]): AsyncGenerator<SqliteRow> {
    if (number < 1 || number > pages || above.includes(number)) {
      damage.push(`there is no page ${number} in it`);
      return;
    }
    const page = await pageAt(number);
    const at = number === 1 ? HEADER : 0;
    const kind = page[at];
    if (kind !== INNER && kind !== LEAF) {
      damage.push(`page ${number} is damaged`);
      return;
    }
    const first = at + (kind === INNER ? 12 : 8);
    const cells = Array.from({ length: page.readUInt16BE(at + 3) }, (_, i) =>
      page.readUInt16BE(first + 2 * i),
    );
    const trail = [...above, number];
    for (const cell of cells)
      if (kind === INNER) yield* below(page.readUInt32BE(cell), trail);
      else
        try {
          yield await row(page, cell);
        } catch (error) {
          damage.push(`a row of page ${number}: ${messageOf(error)}`);
        }
    if (kind === INNER) yield* below(page.readUInt32BE(at + 8), trail);
  }

  return {
    damage,
    async *rows(table) {
      for await (const { values } of below(1, [])) {
        const [type, name, , root] = values;
        if ((await textOf(type)) !== 'table' || (await textOf(name)) !== table) continue;
        yield* below(Number(root), []);
        return;
      }
    },
  };
}
