/**
 * The architecture: each line may import from the lines below it, never from those above or beside it. A folder within
 * a room may import from its neighbours. `src/cli.ts` stands above all rooms, the files beside it
 * (errors, warnings, validation, TCP ports, secrets) below them.
 */
const LAYERS = [
  ['cli'], // one file a command: options, help, wiring
  ['doctor'], // what this machine has
  ['ros', 'adapting', 'training'], // the nodes; learning in simulation; training from demonstrations
  ['calibrate', 'rollouts', 'link', 'datasets'], // measure a robot; attempts in bulk; robot and learner; other projects' data
  ['check'], // does a policy fit a robot
  ['learning', 'sim', 'control'], // what learns; ALOHA in MuJoCo; the loop
  ['console'], // the page beside the robot, and its server
  ['measure', 'classifier', 'openpi', 'topics'], // figures of a run; does this picture show success; policies over websockets; a robot's ROS messages and bags
  ['guard', 'episodes'], // limits of motion; recordings
  ['policy'], // observation in, chunk out
  ['images', 'session'], // pictures; ONNX Runtime
  ['robot', 'processes', 'onnx', 'nats'], // what a robot is; threads and processes; graphs and their gradients; NATS servers
  ['tensors', 'charts', 'terminal'], // numbers and their files; SVG; text for people
  ['files'], // whole or not at all
];

const inRooms = (rooms) => `^src/(${rooms.join('|')})/`;

const layerRules = LAYERS.flatMap((rooms, layer) =>
  rooms.map((room) => ({
    name: `${room}-imports-downwards`,
    comment: `${room} imports only from rooms below it`,
    severity: 'error',
    from: { path: inRooms([room]) },
    to: {
      path: [...LAYERS.slice(0, layer).flat(), ...rooms.filter((other) => other !== room)].map(
        (other) => inRooms([other]),
      ),
    },
  })),
).filter(({ to }) => to.path.length > 0);

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'families-stay-closed',
      comment:
        'a policy family is reached through the files beside it alone: registry, importers, untrained',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/policy/families/' },
      to: { path: '^src/policy/families/[^/]+/' },
    },
    {
      name: 'families-stand-alone',
      comment: 'a policy family imports nothing from another one',
      severity: 'error',
      from: { path: '^src/policy/families/([^/]+)/' },
      to: { path: '^src/policy/families/[^/]+/', pathNot: '^src/policy/families/$1/' },
    },
    {
      name: 'page-runs-in-a-browser',
      comment: "the console's page imports nothing of Node.js",
      severity: 'error',
      from: { path: '^src/console/page/' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'page-is-bundled',
      comment: "what Node.js runs imports nothing of the console's page: they share protocol.ts",
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/console/page/' },
      to: { path: '^src/console/page/' },
    },
    ...layerRules,
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    parser: 'tsc',
  },
};
