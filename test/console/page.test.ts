import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';

const folder = new URL('../../src/console/page/', import.meta.url);
const read = (name: string) => readFile(new URL(name, folder), 'utf8');

/** Bytes of a page's first load, as the server sends it. */
const MOST_BYTES = 300_000;

describe("the console's page", () => {
  it('is three files', async () => {
    const names = await readdir(folder);
    for (const name of ['index.html', 'page.css', 'page.js']) assert.ok(names.includes(name), name);
  });

  it('loads at most 300 kB', async () => {
    const files = await Promise.all(['index.html', 'page.css', 'page.js'].map(read));
    const sizes = files.map((text) => gzipSync(text).length);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    assert.ok(total <= MOST_BYTES, `${total} bytes`);
  });

  it('keeps to its security policy: no script or style within the document', async () => {
    const html = await read('index.html');
    assert.match(html, /<script src="page\.js" type="module"><\/script>/);
    assert.equal(html.match(/<script/g)?.length, 1);
    assert.doesNotMatch(html, /<style|\sstyle=|\son[a-z]+=/);
    const script = await read('page.js');
    assert.equal(script.includes('setAttribute("style"'), false);
  });

  it('fetches nothing from elsewhere', async () => {
    for (const name of ['index.html', 'page.css'])
      assert.doesNotMatch(await read(name), /(https?:)?\/\/[a-z]|url\((?!data:)/i, name);
    const addresses = (await read('page.js')).match(/https?:\/\/[\w./-]+/g) ?? [];
    // Names of XML's languages, which nothing is fetched from.
    assert.deepEqual(
      addresses.filter((address) => !address.startsWith('http://www.w3.org/')),
      [],
    );
  });
});
