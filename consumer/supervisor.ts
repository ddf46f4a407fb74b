/** The process behind worker_N.pid: it keeps a consumer running. `node dist/consumer/supervisor.js <number>` */
import { supervise } from '../process/supervisor.ts';

/**
 * The consumer's stack in KiB, of the 8 MiB that a main thread has. amqplib calls itself for each level of a header,
 * and 128 KiB of headers can have 26,000 levels. With V8's default of 984 KiB such a message would end the connection
 * each time that it is delivered.
 */
const STACK_SIZE = 6_000;

supervise('consumer', new URL('worker.js', import.meta.url), [`--stack-size=${STACK_SIZE}`]);
