// Replaces files of a folder until it is killed; a generation in two has one file that the others lack.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFiles } from '../../src/files/replaceFiles.ts';

const [folder] = process.argv.slice(2);
for (let generation = 0; ; generation++) {
  console.log(generation);
  const names = ['a', 'b', generation % 2 === 0 ? 'even' : 'odd'];
  await replaceFiles(
    folder,
    async (staging) => {
      for (const name of names)
        await writeFile(join(staging, name), `${generation} of ${process.pid}`.padEnd(30_000));
    },
    () => ['even', 'odd'],
  );
}
