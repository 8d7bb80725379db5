import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { listEpisodes } from '../../src/episodes/listEpisodes.ts';
import { readEpisode } from '../../src/episodes/readEpisode.ts';
import { packagePath } from '../../src/files/packagePath.ts';
import type { Ros, RosNode } from '../../src/ros/rclnodejs.ts';
import { SIM_CALIBRATION } from '../../src/sim/embodiment.ts';
import { loadBundle } from '../../src/policy/bundle/bundle.ts';
import { SHIPPED, type TestServer, serveBundle } from '../openpi/serving.ts';
import { writeRedClassifier } from '../classifier/classifiers.ts';
import { loadCalibration } from '../../src/robot/calibrationFile.ts';
import { assertSaid, assertSaidIn, isSaidIn } from '../refusals.ts';
import { startDriver } from './driver.ts';
import { call, initRos, skip, startNode, until } from './ros.ts';

const REHEARSAL = {
  use_sim_time: true,
  calibration: SIM_CALIBRATION,
  output: 'trajectory',
  reset_service: '/aloha_sim/reset',
  outcome_topic: '/aloha_sim/outcome',
};

/** A port that nothing listens at. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}

describe("the policy's node", { skip }, () => {
  let ros: Ros;
  let person: RosNode;
  let folder: string;
  let running: ReturnType<typeof startNode>[] = [];
  /** Nodes of this process that are gone after each test, however it ends. */
  let others: { close(): void }[] = [];
  const commands: { at: number; positions: number[] }[] = [];

  before(async () => {
    ros = await initRos();
    person = ros.createNode('person');
    folder = await mkdtemp(join(tmpdir(), 'nalu-node-'));
    person.createSubscription(
      'trajectory_msgs/msg/JointTrajectory',
      '/follower_right/joint_trajectory_controller/joint_trajectory',
      {},
      ({ points }: { points: { positions: Float64Array }[] }) =>
        commands.push({ at: performance.now(), positions: [...points[0].positions] }),
    );
    person.spin();
  });
  afterEach(async () => {
    await Promise.all(running.map((node) => node.stop('SIGTERM')));
    running = [];
    for (const node of others) node.close();
    others = [];
    commands.length = 0;
    await setTimeout(200);
  });
  after(async () => {
    ros.shutdown();
    await rm(folder, { recursive: true });
  });

  const start = (...given: Parameters<typeof startNode>) => {
    const node = startNode(...given);
    running.push(node);
    return node;
  };
  const openDriver = async () => {
    const driver = await startDriver(ros);
    others.push(driver);
    return driver;
  };
  const openNode = (name: string) => {
    const node = ros.createNode(name);
    others.push({ close: () => node.destroy() });
    return node;
  };
  const trigger = (name: string) => call(person, 'std_srvs/srv/Trigger', `/nalu/${name}`);
  /** Asks for an attempt until the node is active. */
  const untilStarted = async (nalu: ReturnType<typeof startNode>) => {
    let started = false;
    await until(
      () => {
        // A node that is slow to come has no such service yet.
        void trigger('start').then(
          ({ success }) => (started ||= success as boolean),
          () => undefined,
        );
        return started;
      },
      () => nalu.output(),
      30,
    );
  };
  const change = async (id: number) =>
    (
      await call(person, 'lifecycle_msgs/srv/ChangeState', '/nalu/change_state', {
        transition: { id, label: '' },
      })
    ).success;
  const state = async () => {
    const answer = await call(person, 'lifecycle_msgs/srv/GetState', '/nalu/get_state');
    return (answer.current_state as { label: string }).label;
  };

  it('configures, activates, makes an attempt when asked, and records it', async () => {
    start('simMain', { seed: 2 });
    const nalu = start('policyMain', { ...REHEARSAL, record: folder });
    let chunks = 0;
    person.createSubscription(
      'trajectory_msgs/msg/JointTrajectory',
      '/nalu/chunk',
      {},
      ({ points, joint_names }: { points: object[]; joint_names: string[] }) => {
        chunks += Number(points.length === 50 && joint_names.length === 14);
      },
    );
    assert.equal(await state(), 'unconfigured');
    assertSaid((await trigger('start')).message as string, 'not active');
    assert.equal(await change(3), false, 'it cannot be activated before it is configured');
    assert.equal(await change(1), true, nalu.output());
    assert.equal(await state(), 'inactive');
    assert.equal(commands.length, 0, 'nothing is commanded before an attempt');
    assert.equal(await change(3), true, nalu.output());
    assert.equal((await trigger('start')).success, true);
    assertSaid((await trigger('start')).message as string, 'busy');
    await until(
      () => chunks >= 3 && commands.length > 100,
      () => 'chunks and commands',
      20,
    );
    assert.equal((await trigger('failure')).success, true);
    await until(
      () => /attempt 1: failure/.test(nalu.output()),
      () => nalu.output(),
    );
    const [listed] = await listEpisodes(folder);
    const episode = await readEpisode(listed.path);
    assert.equal(episode.result?.outcome, 'failure');
    assert.deepEqual(episode.missing, []);
    assert.ok(episode.chunks.length >= 3);
    assert.equal(await change(4), true, 'it deactivates');
    assert.equal(await change(2), true, 'and cleans up');
    assert.equal(await state(), 'unconfigured');
  });

  it('plays the chunks of a server, rests while it is away, and goes on when it is back', async () => {
    const port = await freePort();
    const server = await serveBundle(undefined, { port, apiKey: 'secret' });
    let again: TestServer | undefined;
    const episodes = join(folder, 'served');
    start('simMain', { seed: 2 });
    const nalu = start(
      'policyMain',
      { ...REHEARSAL, policy: server.url, record: episodes, seconds: '60.0', autostart: true },
      { ...process.env, NALU_API_KEY: 'secret' },
    );
    try {
      await untilStarted(nalu);
      await until(
        () => commands.length > 100,
        () => nalu.output(),
        20,
      );
      await server.close();
      again = await serveBundle(undefined, { port, apiKey: 'secret' });
      const before = commands.length;
      await until(
        () => commands.length > before + 100,
        () => nalu.output(),
        20,
      );
      assert.equal((await trigger('failure')).success, true);
      await until(
        () => /attempt 1: failure/.test(nalu.output()),
        () => nalu.output(),
      );
      const [{ path }] = await listEpisodes(episodes);
      const { chunks } = await readEpisode(path);
      const { version } = await loadBundle(SHIPPED);
      assert.ok(chunks.length > 3);
      for (const { policyVersion } of chunks) assert.equal(policyVersion, version);
    } finally {
      await Promise.all([server.close(), again?.close()]);
    }
  });

  it('ends in a hold and exits, at SIGINT in motion', async () => {
    start('simMain', {});
    const nalu = start('policyMain', { ...REHEARSAL, autostart: true, attempts: 1 });
    await until(
      () => commands.length > 60,
      () => `motion; ${nalu.output()}`,
      20,
    );
    const asked = performance.now();
    assert.equal(await nalu.stop('SIGINT'), 0);
    assert.ok(performance.now() - asked < 3000);
    await setTimeout(100);
    const last = commands.at(-1)!;
    const before = commands.at(-2)!;
    assert.deepEqual(last.positions, before.positions, 'the last command repeats the one before');
  });

  it('exits at SIGINT though the clock that it waits for has stopped', async () => {
    const sim = start('simMain', {});
    const nalu = start('policyMain', { ...REHEARSAL, autostart: true, attempts: 1 });
    await until(
      () => commands.length > 60,
      () => `motion; ${nalu.output()}`,
      20,
    );
    await sim.stop('SIGTERM');
    await setTimeout(200);
    const asked = performance.now();
    assert.equal(await nalu.stop('SIGINT'), 0);
    assert.ok(performance.now() - asked < 3000);
  });

  it('holds, then stops, when the driver falls silent, long before the graph forgets it', async () => {
    const driver = await openDriver();
    const nalu = start('policyMain', {
      ...REHEARSAL,
      use_sim_time: false,
      reset_service: '',
      autostart: true,
      ignore_misfits: true,
      attempts: 1,
    });
    await until(
      () => commands.length > 30,
      () => `motion; ${nalu.output()}`,
      20,
    );
    driver.silence();
    const silent = performance.now();
    await until(
      () => /attempt 1: discarded/.test(nalu.output()),
      () => nalu.output(),
    );
    assert.ok(performance.now() - silent < 1500);
    assertSaidIn(nalu.said(), 'attempt 1: discarded', 'the joint state of left', 'ms old');
    const late = commands.filter(({ at }) => at > silent + 200);
    assert.ok(late.length > 0);
    for (const { positions } of late) assert.deepEqual(positions, late[0].positions);
  });

  it("brakes to rest and ends the attempt when the operator's heartbeat stops, and the episode says so", async () => {
    start('simMain', { seed: 2 });
    const record = join(folder, 'let-go');
    const nalu = start('policyMain', {
      ...REHEARSAL,
      record,
      heartbeat: '/deadman',
      autostart: true,
    });
    let chunks = 0;
    person.createSubscription('trajectory_msgs/msg/JointTrajectory', '/nalu/chunk', {}, () => {
      chunks += 1;
    });
    await until(
      () => person.countSubscribers('/deadman') > 0,
      () => nalu.output(),
    );
    const held = person.createPublisher('std_msgs/msg/Bool', '/deadman');
    const switched = setInterval(() => held.publish({ data: true }), 50);
    try {
      await untilStarted(nalu);
      await until(
        () => chunks >= 2,
        () => nalu.output(),
        20,
      );
    } finally {
      clearInterval(switched);
    }
    await until(
      () => /attempt 1: discarded/.test(nalu.output()),
      () => nalu.output(),
    );
    await setTimeout(100);
    const [before, last] = commands.slice(-2);
    assert.deepEqual(last.positions, before.positions, 'the last command repeats the one before');
    const [{ path }] = await listEpisodes(record);
    const { result } = await readEpisode(path);
    assert.equal(result?.outcome, 'discarded');
    assertSaid(result?.problem ?? '', 'no heartbeat', '/deadman', 'ms');
  });

  it('joins chunks as it is told, and offers what it measured to Prometheus', async () => {
    start('simMain', { seed: 2 });
    const record = join(folder, 'joined');
    const nalu = start('policyMain', {
      ...REHEARSAL,
      record,
      join: 'approximate',
      metrics_port: await freePort(),
      autostart: true,
      attempts: 1,
      seconds: '2.5',
    });
    await until(
      () => /attempt 1: failure/.test(nalu.output()),
      () => nalu.output(),
      30,
    );
    const [{ path }] = await listEpisodes(record);
    const { chunks } = await readEpisode(path);
    assert.ok(chunks.length >= 2);
    for (const { index, join, joined, timeline } of chunks) {
      assert.equal(join, 'approximate');
      assert.equal(joined?.kind, index === 0 ? undefined : 'approximate');
      assert.ok(timeline!.requested < timeline!.joined);
    }
    const url = /metrics on (\S+)/.exec(nalu.output())![1];
    const page = await (await fetch(url)).text();
    assert.match(page, /^nalu_attempts_total\{outcome="failure"\} 1$/m);
    assert.match(page, new RegExp(`^nalu_chunks_total ${chunks.length}$`, 'm'));
    assert.match(page, new RegExp(`^nalu_chunk_total_seconds_count ${chunks.length}$`, 'm'));
  });

  it('moves nothing with a policy that does not fit what the robot shows, and says why', async () => {
    await openDriver();
    const nalu = start('policyMain', {
      ...REHEARSAL,
      use_sim_time: false,
      reset_service: '',
      autostart: true,
      attempts: 1,
    });
    await until(
      () => isSaidIn(nalu.said(), 'does not fit', 'nothing is moved'),
      () => nalu.output(),
      20,
    );
    assertSaidIn(nalu.said(), 'cam_high', 'cam_left_wrist', 'the same picture');
    await setTimeout(200);
    assert.equal(commands.length, 0, 'it stood at its start pose already');
  });

  it('names the topics that nothing comes over, and commands nothing', async () => {
    const nalu = start('policyMain', { ...REHEARSAL, use_sim_time: false });
    assert.equal(await change(1), true, nalu.output());
    assert.equal(await change(3), false);
    const { topic } = (await loadCalibration(SIM_CALIBRATION)).cameras[0];
    assertSaidIn(nalu.said(), 'nobody publishes', '/follower_left/joint_states');
    assertSaidIn(nalu.said(), 'nobody publishes', topic);
    assert.equal(commands.length, 0);
  });

  it("offers trajectories where Interbotix' messages are not on the machine", async (test) => {
    const paths = (process.env.AMENT_PREFIX_PATH ?? '').split(':');
    const without = paths.filter((path) => !existsSync(join(path, 'share/interbotix_xs_msgs')));
    if (!without.some((path) => existsSync(join(path, 'share/std_msgs'))))
      return test.skip('interbotix_xs_msgs is installed among the messages of ROS itself');
    const nalu = start(
      'policyMain',
      { ...REHEARSAL, output: 'interbotix' },
      { ...process.env, AMENT_PREFIX_PATH: without.join(':') },
    );
    assert.equal(await change(1), false);
    assertSaidIn(nalu.said(), 'interbotix_xs_msgs', 'output', 'trajectory');
    assert.equal(await state(), 'unconfigured', 'it can be configured again');
  });

  it('does not become active while another node commands the same arms', async () => {
    await openDriver();
    const rival = openNode('teleoperation');
    const topic = '/follower_left/joint_trajectory_controller/joint_trajectory';
    rival.createPublisher('trajectory_msgs/msg/JointTrajectory', topic);
    const nalu = start('policyMain', { ...REHEARSAL, use_sim_time: false, reset_service: '' });
    assert.equal(await change(1), true, nalu.output());
    assert.equal(await change(3), false);
    assertSaidIn(nalu.said(), '/teleoperation', topic);
  });

  it('does not become active while two nodes tell of the same joints', async () => {
    await openDriver();
    const stray = openNode('stray_driver');
    stray.createPublisher('sensor_msgs/msg/JointState', '/follower_left/joint_states');
    const nalu = start('policyMain', { ...REHEARSAL, use_sim_time: false, reset_service: '' });
    assert.equal(await change(1), true, nalu.output());
    assert.equal(await change(3), false);
    assertSaidIn(nalu.said(), '/stray_driver', '/follower_left/joint_states', 'stop all but one');
  });

  it('sends nothing to the motors in a dry run, and publishes and draws its chunks all the same', async () => {
    await openDriver();
    let chunks = 0;
    person.createSubscription('trajectory_msgs/msg/JointTrajectory', '/nalu/chunk', {}, () => {
      chunks += 1;
    });
    const nalu = start('policyMain', {
      ...REHEARSAL,
      use_sim_time: false,
      reset_service: '',
      dry_run: true,
      chunk_picture: join(folder, 'chunk.svg'),
      autostart: true,
      attempts: 1,
      seconds: '2.0',
    });
    await until(
      () => /attempt 1: failure/.test(nalu.output()),
      () => nalu.output(),
      20,
    );
    assert.ok(chunks >= 2);
    assert.equal(commands.length, 0);
    assert.match(await readFile(join(folder, 'chunk.svg'), 'utf8'), /left_waist \(rad\)/);
  });

  it('ends an attempt as success when a classifier sees it, through a camera that the policy lacks', async () => {
    await openDriver();
    const looks = { camera: 'cam_low', threshold: 120 / 255 - 0.01, agree: 2, every: 10 };
    const nalu = start('policyMain', {
      ...REHEARSAL,
      use_sim_time: false,
      reset_service: '',
      autostart: true,
      ignore_misfits: true,
      attempts: 2,
      record: join(folder, 'classified'),
      success_classifier: await writeRedClassifier(folder, { row: 4, ...looks }),
    });
    await until(
      () => /attempt 2: success/.test(nalu.output()),
      () => nalu.output(),
      20,
    );
    assert.match(nalu.said(), /^attempt 1: success, \d{1,2} steps/m, 'both after a look or two');
    const [listed] = await listEpisodes(join(folder, 'classified'));
    assert.equal((await readEpisode(listed.path)).result?.reward, 1);
  });

  it('tells on /diagnostics what it runs on and how often its topics speak, and takes prompt and task from topics', async () => {
    start('simMain', { seed: 3 });
    const statuses = new Map<string, Record<string, string>>();
    type Message = { status: { name: string; values: { key: string; value: string }[] }[] };
    person.createSubscription(
      'diagnostic_msgs/msg/DiagnosticArray',
      '/diagnostics',
      {},
      ({ status }: Message) => {
        for (const { name, values } of status)
          statuses.set(name, Object.fromEntries(values.map(({ key, value }) => [key, value])));
      },
    );
    const nalu = start('policyMain', {
      ...REHEARSAL,
      autostart: true,
      ignore_misfits: true,
      seconds: '1.0',
      record: folder,
    });
    await until(
      () =>
        Number(
          statuses.get('nalu: cam_high on /cam_high/camera/color/image_rect_raw')?.['rate (Hz)'],
        ) > 10,
      () => JSON.stringify([...statuses]),
    );
    assert.equal(statuses.get('nalu: policy')?.['execution providers'], 'cpu');
    assert.equal(statuses.get('nalu: policy')?.precision, 'float32');
    await until(
      () => person.countSubscribers('/nalu/prompt') > 0,
      () => 'the prompt topic',
    );
    const say = (topic: string, data: string) =>
      person.createPublisher('std_msgs/msg/String', topic).publish({ data });
    const known = new Set((await listEpisodes(folder)).map(({ path }) => path));
    await until(
      () => {
        say('/nalu/prompt', 'Hand it over');
        say('/nalu/task', 'hand-over');
        return /prompt.*Hand it over/.test(nalu.output()) && /task.*hand-over/.test(nalu.output());
      },
      () => nalu.output(),
    );
    await untilStarted(nalu);
    await until(
      () => /attempt 1: failure/.test(nalu.output()),
      () => nalu.output(),
      20,
    );
    const fresh = (await listEpisodes(folder)).find(({ path }) => !known.has(path))!;
    const { header } = await readEpisode(fresh.path);
    assert.deepEqual([header.prompt, header.task], ['Hand it over', 'hand-over']);
  });

  it('says what is wrong with its parameters, and refuses a set outside their range', async () => {
    const wrong = start('policyMain', { output: 'morse' });
    assert.equal(await wrong.exited, 1);
    assertSaidIn(wrong.said(), 'parameter output', 'morse', 'interbotix', 'trajectory');
    const misspelt = start('policyMain', { dryrun: true });
    assert.equal(await misspelt.exited, 1);
    assertSaidIn(misspelt.said(), 'parameter dryrun', 'dry_run');
    const nalu = start('policyMain', { policy: packagePath('calibration') });
    assert.equal(await change(1), false);
    assertSaidIn(nalu.said(), packagePath('calibration/policy.json'), 'A policy bundle');
    assert.equal(await state(), 'unconfigured');
    const set = async (value: number) => {
      const parameters = [{ name: 'approach_speed', value: { type: 3, double_value: value } }];
      const type = 'rcl_interfaces/srv/SetParameters';
      const { results } = await call(person, type, '/nalu/set_parameters', { parameters });
      return (results as { successful: boolean }[])[0].successful;
    };
    assert.equal(await set(0.25), true);
    assert.equal(await set(50), false);
  });
});
