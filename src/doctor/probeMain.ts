import { messageOf } from '../errors.ts';
import { serve } from '../processes/serve.ts';
import type { SamplingModel } from './policy.ts';
import type { Provider } from '../session/providers.ts';

/** Time to discover topics, milliseconds. */
const DISCOVERY = 1500;

/** The probes; each loads the library that it tests. */
const probes = {
  /** Why a provider cannot compute; undefined if it can. */
  async provider(provider: Provider) {
    const { probeProvider } = await import('../session/providerProbe.ts');
    return probeProvider(provider);
  },
  /** Opens a model with ONNX Runtime's log of operator placements. */
  async placement({ model, folder, provider }: SamplingModel & { provider: Provider }) {
    const { InferenceSession } = await import('onnxruntime-node');
    const { asBound } = await import('../session/providers.ts');
    const executionProviders = [asBound(provider)];
    const options = { executionProviders, logSeverityLevel: 0 } as const;
    if (typeof model === 'string') return void (await InferenceSession.create(model, options));
    const session = { model_external_initializers_file_folder_path: folder };
    await InferenceSession.create(model, { ...options, extra: { session } });
  },
  /** ONNX Runtime's version, and what it was built with. */
  async runtime() {
    const { env } = await import('onnxruntime-node');
    const { builtProviders } = await import('../session/providerProbe.ts');
    return { version: env.versions.node ?? '', built: builtProviders() };
  },
  /** ZeroMQ's version, after a message to itself over TCP. */
  async zeromq() {
    const { Pair, version } = await import('zeromq');
    const [a, b] = [new Pair({ linger: 0 }), new Pair({ linger: 0, receiveTimeout: 5000 })];
    await a.bind('tcp://127.0.0.1:*');
    b.connect(a.lastEndpoint!);
    await a.send('there?');
    const [received] = await b.receive();
    if (received.toString() !== 'there?')
      throw new Error(`a message came as ${received.toString()}`);
    a.close();
    b.close();
    return version;
  },
  async msgpackr() {
    const { isNativeAccelerationEnabled, pack, unpack } = await import('msgpackr');
    if ((unpack(pack([1, 'a'])) as unknown[])[1] !== 'a') throw new Error('it reads wrongly');
    return isNativeAccelerationEnabled;
  },
  async sharp() {
    const { default: sharp } = await import('sharp');
    const create = { width: 8, height: 8, channels: 3, background: 'red' } as const;
    const png = await sharp({ create }).png().toBuffer();
    const { info } = await sharp(png).resize(4, 4).raw().toBuffer({ resolveWithObject: true });
    if (info.width !== 4) throw new Error('it resizes wrongly');
    return sharp.versions.sharp ?? '';
  },
  async mujoco() {
    const { mujoco } = await import('../sim/mujoco.ts');
    const engine = await mujoco();
    const model = engine.MjModel.from_xml_string(
      '<mujoco><worldbody><body><freejoint/><geom size="1"/></body></worldbody></mujoco>',
    );
    const data = new engine.MjData(model);
    engine.mj_step(model, data);
    if (!((data.qpos as Float64Array)[2] < 0)) throw new Error('a free body does not fall');
    return engine.mj_versionString();
  },
  /** The topics of the sourced ROS 2 with their types, and the operating modes that the arms' drivers report. */
  async topics(arms: readonly { namespace: string }[] = []) {
    const { loadRos } = await import('../ros/rclnodejs.ts');
    const { askModes, hasInterbotixMessages } = await import('../ros/operatingModes.ts');
    const ros = await loadRos();
    await ros.init();
    const node = ros.createNode('nalu_doctor');
    node.spin();
    await new Promise((resolve) => setTimeout(resolve, DISCOVERY));
    const topics = node.getTopicNamesAndTypes();
    const modes = hasInterbotixMessages()
      ? await askModes(node, arms).catch((error: unknown) => messageOf(error))
      : [];
    ros.shutdown();
    return { topics, modes };
  },
};

export type Probes = typeof probes;

serve<Probes>(() => probes);
