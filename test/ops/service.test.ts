/** The processes that start_services.sh starts: each has a port of its own for probes. */
import t from 'tap';
import { checkMetricsPorts, consumerProcess, hubProcess } from '../../ops/service.ts';
import { ConfigError } from '../../process/config.ts';
import { load } from '../helpers/config.ts';

t.test('the hub has the port after the API, consumers those after it', async (t) => {
  t.equal(hubProcess('/orders', 9100).program.env.METRICS_PORT, '9101');
  t.equal(consumerProcess('/orders', 1, 9100).program.env.METRICS_PORT, '9102');
  t.equal(consumerProcess('/orders', 4, 9100).program.env.METRICS_PORT, '9105');
  t.equal(hubProcess('/orders').program.env.METRICS_PORT, process.env.METRICS_PORT);
});

t.test('ports that cannot be are refused in one sentence', async (t) => {
  const check = (env: NodeJS.ProcessEnv) => () => checkMetricsPorts(load({ WORKER_COUNT: '2', ...env }));
  t.doesNotThrow(check({}));
  for (const METRICS_PORT of ['8076', '8081', '65532']) t.doesNotThrow(check({ METRICS_PORT }), METRICS_PORT);
  for (const [METRICS_PORT, sentence] of [
    [
      '65533',
      'METRICS_PORT 65533 and the ports after it up to 65536, as there are 2 consumers, must be at most 65535: set a lower METRICS_PORT.',
    ],
    [
      '8077',
      'METRICS_PORT 8077 and the ports after it up to 8080, as there are 2 consumers, must be others than PORT 8080: set another METRICS_PORT.',
    ],
  ] as const)
    t.throws(check({ METRICS_PORT }), new ConfigError(sentence));
});
