/** What works while which server is away. */
import t from 'tap';
import { capabilities, type Seen } from '../../../api/health/capabilities.ts';

const all: Seen = {
  mysql: { answers: true, takesWrites: true },
  redisWorks: true,
  rabbitmqTakesMessages: true,
  queue: { isFull: false, consumers: 2 },
};
const noMysql = { mysql: { answers: false, takesWrites: false } };
const noRabbitmq = { rabbitmqTakesMessages: false, queue: undefined };

for (const [what, seen, accepting, reading, applying, isUseful] of [
  ['all is there', {}, 'yes', 'yes', 'yes', true],
  ['MySQL is away', noMysql, 'yes', 'partly', 'unknown', true],
  ['MySQL is away, and Redis', { ...noMysql, redisWorks: false }, 'yes', 'no', 'unknown', true],
  ['MySQL is read-only', { mysql: { answers: true, takesWrites: false } }, 'yes', 'yes', 'no', true],
  ['RabbitMQ is away', noRabbitmq, 'no', 'yes', 'unknown', true],
  [
    'RabbitMQ is away, MySQL read-only',
    { ...noRabbitmq, mysql: { answers: true, takesWrites: false } },
    'no',
    'yes',
    'no',
    true,
  ],
  ['RabbitMQ and MySQL are away', { ...noRabbitmq, ...noMysql }, 'no', 'partly', 'unknown', true],
  ['nothing is there', { ...noRabbitmq, ...noMysql, redisWorks: false }, 'no', 'no', 'unknown', false],
  ['Redis is away', { redisWorks: false }, 'yes', 'yes', 'yes', true],
  ['too many jobs wait', { queue: { isFull: true, consumers: 2 } }, 'no', 'yes', 'yes', true],
  ['nobody takes jobs', { queue: { isFull: false, consumers: 0 } }, 'yes', 'yes', 'no', true],
  [
    'MySQL is away, nobody takes jobs',
    { ...noMysql, queue: { isFull: false, consumers: 0 } },
    'yes',
    'partly',
    'no',
    true,
  ],
  ['the queue was not looked at yet', { queue: undefined }, 'yes', 'yes', 'unknown', true],
] as const)
  t.test(what, async (t) => {
    t.strictSame(capabilities({ ...all, ...seen }), { works: { accepting, reading, applying }, isUseful });
  });
