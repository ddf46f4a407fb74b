/** A whole `.env`, as an installation of Flask, gunicorn and pika has it. */
import t from 'tap';
import { compileFormat } from '../../api/http/access-log-format.ts';
import { loadConfig } from '../../process/config.ts';
import { parseDotenv } from '../../process/dotenv.ts';

const dotenv = `# Flask
FLASK_APP=run.py
FLASK_ENV="production"
FLASK_DEBUG=0
SECRET_KEY='not so secret'
PYTHONUNBUFFERED=1

# Database (MySQL, or SQLite for development)
export DB_HOST=db.internal   # the replica set's primary
export DB_USER="orders"
DB_PASS='p@ss/w#rd %41'
DB_PORT=
DB_NAME=orders_prod
DATABASE_URL=sqlite:///database.db
SQLALCHEMY_TRACK_MODIFICATIONS=False

REDIS_URL=redis://cache.internal:6379/0
CACHE_DISABLED=False
ORDERS_CACHE_TTL=45
TEMP_ORDER_CACHE_TTL="90"

RABBITMQ_HOST=mq.internal
RABBITMQ_PORT=5671
RABBITMQ_USER=orders
RABBITMQ_PASSWORD="guest$"
RABBITMQ_QUEUE_NAME=order_write_jobs
MQ_USE_SSL=True

ADMIN_PASSWORD=
API_WORKERS=2
API_THREADS=4
SIMULATED_WRITE_LAG=0.3
LOG_LEVEL=INFO
ACCESS_LOG_FILE=-
ACCESS_LOG_FORMAT='%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s" %(D)s'
`;

t.test('it works as it is', async (t) => {
  const config = loadConfig(parseDotenv(dotenv));
  t.match(config, {
    api: { workers: 2, adminPassword: undefined },
    mysql: {
      host: 'db.internal',
      port: 3306,
      user: 'orders',
      password: 'p@ss/w#rd %41',
      database: 'orders_prod',
      tls: undefined,
    },
    redis: { host: 'cache.internal' },
    cache: { disabled: false, ordersTtl: 45, appliedTtl: 90 },
    rabbitmq: {
      protocol: 'amqps',
      hosts: [{ hostname: 'mq.internal', port: 5671 }],
      vhost: '/',
      password: 'guest$',
    },
    logLevel: 'info',
    accessLog: { file: '-' },
  });
  t.doesNotThrow(() => compileFormat(config.accessLog.format));
  t.strictSame(config.ignored, ['DATABASE_URL beside DB_HOST, DB_USER, DB_PASS and DB_NAME', 'API_THREADS']);
});
