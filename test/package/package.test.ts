import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { packagePath } from '../../src/files/packagePath.ts';

const command = promisify(execFile);

/** What a package is made of. */
const SOURCES = ['package.json', 'tsconfig.json', 'tsconfig.package.json', 'src', 'LICENSE', 'README.md', 'models', 'calibration', 'launch']; // prettier-ignore

/** What the program outside is compiled with, beside Nalu. */
const TOOLS = ['typescript-7', '@types/node'];

const MODULES = packagePath('node_modules');

interface Manifest {
  dependencies: Record<string, string>;
}

const readManifest = async (folder: string) =>
  JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Manifest;

/** Links packages of this checkout into another folder's node_modules, where no registry is asked. */
async function linkPackages(names: readonly string[], modules: string): Promise<void> {
  for (const name of names) {
    await mkdir(join(modules, name, '..'), { recursive: true });
    await symlink(join(MODULES, name), join(modules, name));
  }
}

/** Packs a copy of this checkout; resolves to the archive and the paths in it. */
async function pack(folder: string): Promise<{ archive: string; paths: string[] }> {
  const copy = join(folder, 'checkout');
  for (const name of SOURCES) await cp(packagePath(name), join(copy, name), { recursive: true });
  await symlink(MODULES, join(copy, 'node_modules'));
  const args = ['pack', '--json', '--foreground-scripts=false', '--pack-destination', folder];
  const { stdout } = await command('npm', args, { cwd: copy, maxBuffer: 2 ** 26 });
  const [{ filename, files }] = JSON.parse(stdout.slice(stdout.indexOf('['))) as [
    { filename: string; files: { path: string }[] },
  ];
  return { archive: join(folder, filename), paths: files.map(({ path }) => path) };
}

/** Unpacks the archive as a package of `project`, beside its own dependencies and no others. */
async function install(archive: string, project: string): Promise<string> {
  const modules = join(project, 'node_modules');
  const installed = join(modules, 'nalu');
  await mkdir(installed, { recursive: true });
  await command('tar', ['-xzf', archive, '-C', installed, '--strip-components=1']);
  const { dependencies } = await readManifest(installed);
  await linkPackages([...Object.keys(dependencies), ...TOOLS], modules);
  return installed;
}

const TSCONFIG = {
  compilerOptions: {
    target: 'es2023',
    module: 'nodenext',
    strict: true,
    types: ['node'],
    skipLibCheck: false,
    outDir: 'built',
  },
  include: ['*.ts'],
};

const MAIN = `
import { loadBundle, onWarning, openWorkerPolicy, packagePath } from 'nalu';
import { raiseArm } from './ownRobot.js';

onWarning(console.error);
const arm = await raiseArm('episodes');
const bundle = await loadBundle(packagePath('models/aloha-mini'));
const policy = await openWorkerPolicy(bundle, { executionProviders: ['cpu'], threads: 1 });
const { join, horizon } = policy;
await policy.close();
console.log(JSON.stringify({ arm, join, horizon }));
`;

describe('the packed package, installed elsewhere', () => {
  let folder: string;
  let project: string;
  let installed: string;
  let paths: string[];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nalu-package-'));
    project = join(folder, 'project');
    const packed = await pack(folder);
    paths = packed.paths;
    installed = await install(packed.archive, project);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('holds the program and its declarations, what ships with it, and neither tests nor sources', async () => {
    assert.ok(paths.includes('dist/src/index.d.ts'));
    assert.ok(paths.includes('dist/src/console/page/page.js'));
    const top = new Set(paths.map((path) => path.split('/').slice(0, 2).join('/')));
    const sent = [...top].filter((path) => path.startsWith('dist/'));
    assert.deepEqual(sent, ['dist/src']);
    for (const room of ['models', 'calibration', 'launch'])
      for (const name of await readdir(packagePath(room)))
        assert.ok(
          paths.some((path) => path.startsWith(`${room}/${name}`)),
          `${room}/${name}`,
        );
    assert.deepEqual(paths.filter((path) => /(?<!\.d)\.ts$/.test(path)), []); // prettier-ignore
  });

  it('type-checks and runs a robot and a policy that are classes of another project, and a bundle of its own', async () => {
    const own = await readFile(packagePath('test/package/ownRobot.ts'), 'utf8');
    await writeFile(join(project, 'ownRobot.ts'), own.replace('../../src/index.ts', 'nalu'));
    await writeFile(join(project, 'main.ts'), MAIN);
    await writeFile(join(project, 'package.json'), JSON.stringify({ type: 'module' }));
    await writeFile(join(project, 'tsconfig.json'), JSON.stringify(TSCONFIG));
    const tsc = join(project, 'node_modules/typescript-7/bin/tsc');
    const { stdout } = await command(process.execPath, [tsc], { cwd: project }).catch((error: unknown) => error as { stdout: string }); // prettier-ignore
    assert.equal(stdout, '');
    const ran = await command(process.execPath, ['built/main.js'], { cwd: project });
    assert.equal(ran.stderr, '');
    const { arm, join: joins, horizon } = JSON.parse(ran.stdout) as Record<string, unknown>;
    assert.deepEqual([joins, horizon], ['approximate', 50]);
    const { steps, versions, ...rest } = arm as { steps: number; versions: string[] };
    assert.deepEqual(rest, { outcome: 'success', rules: ['velocity shoulder', 'acceleration shoulder'], embodiment: 'one-arm' }); // prettier-ignore
    assert.ok(steps >= 50, 'the guard keeps the arm to 1 rad/s');
    assert.deepEqual(versions.slice(0, 2), ['raise-1', 'raise-2']);
  });

  it('runs the command line', async () => {
    const cli = join(installed, 'dist/src/cli.js');
    const { stdout } = await command(process.execPath, [cli, '--version'], { cwd: project });
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
  });

  it('names a worker that was not packed, and the way out', async () => {
    await rm(join(installed, 'dist/src/policy/worker/policyWorker.js'));
    await assert.rejects(
      command(process.execPath, [join(installed, 'dist/src/cli.js'), 'sim'], { cwd: project }),
      ({ stderr }: { stderr: string }) => {
        assert.match(stderr, /^nalu: .*policyWorker\.js: this file of Nalu is missing; .*\n$/);
        return true;
      },
    );
  });
});
