/** The observer's first listener: it writes what happens to the log. */
import type { Log } from './log.ts';
import type { DoneTold, JobNamed, Observer, OutcomeTold } from './observer.ts';

const named = ({ requestId, jobId, jobType, orderId }: JobNamed) => ({
  request_id: requestId,
  job_id: jobId,
  job_type: jobType,
  order_id: orderId,
});

const outcome = (log: Log) => (event: OutcomeTold) => {
  const { outcome } = event;
  switch (outcome) {
    case 'void':
      return event.by === 'consumer'
        ? log.info({ ...named(event), outcome }, 'job done')
        : log.debug({ ...named(event), outcome }, 'a reset removed the job');
    case 'replayed':
    case 'discarded':
      return log.info({ ...named(event), outcome }, `a dead letter was ${outcome}`);
    case 'retried':
    case 'dead':
    case 'returned': {
      const { reason, error } = event;
      const line = { ...named(event), became: outcome, reason, error };
      if (reason === 'crashed') return log.error(line, 'the job has ended its process too often');
      if (reason === 'invalid_message') return log.warn({ ...line, reason: error }, 'a message is no job');
      return log.warn(line, 'the job failed');
    }
  }
};

const done =
  (log: Log) =>
  ({ jobs }: { jobs: () => DoneTold[] }): void => {
    if (log.isLevelEnabled?.('debug') === false) return;
    for (const job of jobs())
      log.debug({ ...named(job), outcome: job.outcome, ms: job.transaction.ms }, 'job done');
  };

/** For events that go well and come so often that nobody wants to read a line about each. */
const nothing = () => {};

/** Makes an observer that logs each event. Only tests and people may depend on the words of a line. */
export const logEvents = (log: Log): Observer => ({
  serverReached: ({ server, again, at }) => log.info({ at }, `${server} is ${again ? 'back' : 'reached'}`),
  serverLost: ({ server, before, reason }) => {
    const how = { unknown: 'not reached yet', reached: 'lost', lost: 'still not reached' }[before];
    log.warn({ reason }, `${server} is ${how}`);
  },
  serverSilent: ({ server }) => log.warn(`${server} does not answer in time`),
  serverRefuses: ({ server, reason }) => log.warn({ reason }, `${server} answers and refuses`),
  clusterFound: ({ server }) => log.info(`${server} is a cluster`),
  commandFailed: ({ server, reason }) => log.debug({ reason }, `a command to ${server} failed`),

  publishingBlocked: ({ reason }) => log.warn({ reason }, 'RabbitMQ takes no messages for now'),
  publishingUnblocked: () => log.warn('RabbitMQ takes messages again'),
  channelFailed: ({ reason }) => log.warn({ reason }, 'a RabbitMQ channel failed'),
  backlogFull: ({ waiting }) => log.warn({ waiting }, 'too many jobs wait'),
  backlogShrunk: ({ waiting }) => log.warn({ waiting }, 'the backlog has shrunk'),
  queueDeclared: ({ queue }) => log.info({ queue }, 'the queue is declared'),
  queueNotDeclared: ({ queue, reason }) => log.warn({ queue, reason }, 'a queue cannot be declared yet'),
  queueDiffers: ({ queue, why, reason }) =>
    why === 'arguments'
      ? log.warn({ queue, reason }, 'the queue exists with other arguments and is used as it is')
      : log.info(
          { queue, reason },
          'the queue exists, may not be declared by this account and is used as it is',
        ),
  consuming: (event) => log.info(event, 'consuming'),
  subscriptionFailed: ({ reason }) => log.warn({ reason }, 'the subscription failed'),
  subscriptionEnded: ({ queue }) =>
    log.warn({ queue }, 'the broker ended the subscription, as when the queue is deleted'),
  madeWay: ({ queue }) => log.info({ queue }, 'made way for the conversion of the queue'),
  answerTooLate: ({ error }) =>
    log.debug({ err: error }, 'the channel closed before a delivery was answered'),
  moveDelayed: ({ queue, reason, movedFor }) =>
    log.warn({ reason, to: queue, moved_for: movedFor }, 'a message could not be moved yet'),

  databaseRefusesWrites: ({ reason }) => log.warn({ reason }, 'MySQL takes no writes'),
  databaseTakesWrites: () => log.info('MySQL takes writes again'),
  replicaBehind: ({ reason }) => log.warn({ reason }, 'the MySQL for reads is not asked'),
  replicaFollows: () => log.info('the MySQL for reads is asked again'),

  memoryUnsafe: ({ reason }) => log.warn({ reason }, 'Redis may not keep what is pending'),
  memorySafe: () => log.info('Redis keeps what is pending'),

  clocksDiffer: ({ wrong, aheadSeconds }) =>
    log.error(
      { ahead_s: aheadSeconds },
      wrong === 'redis'
        ? "Redis's clock is more than a minute from this machine's and is not followed"
        : "this machine's clock is more than a minute from those of Redis and MySQL, which are followed",
    ),
  clocksAgree: ({ aheadSeconds }) => log.info({ ahead_s: aheadSeconds }, 'the clocks agree again'),
  versionsAhead: ({ orderIds }) =>
    log.warn({ orders: orderIds }, 'orders have versions ahead of the clock, which count for nothing'),
  resetAhead: () => log.error('last_reset is ahead of the clock and counts for nothing'),

  writeAccepted: nothing,
  writeRefused: ({ requestId, outcome, reason }) =>
    log.warn({ request_id: requestId, outcome, reason }, 'a write was not confirmed'),
  requestAnswered: nothing,
  requestRefused: nothing,
  cacheAsked: nothing,

  batchBegun: nothing,
  // A line for each job would be a twentieth of the work of applying it.
  batchCommitted: ({ jobs, ms, verdicts }) => log.info({ jobs, ms, ...verdicts }, 'batch done'),
  batchSplit: ({ jobs, reason }) => log.debug({ jobs, reason }, 'a batch failed and is split'),
  batchWaits: ({ reason, jobs, tries }) => log.warn({ reason, jobs, tries }, 'jobs wait for MySQL'),
  outcome: outcome(log),
  jobsDone: done(log),
  jobsVoid: ({ jobs }) => log.warn({ jobs }, 'jobs that were accepted before the last reset are void'),

  resetRemoves: ({ orders }) => log.info({ orders }, 'a reset removes orders'),
  resetWaits: () => log.warn('a reset is completed once Redis is there'),
  resetCompleted: (event) => log.info(event, 'all orders of before the reset are removed'),
  resetNotLookedAfter: ({ reason }) => log.debug({ reason }, 'resets could not be looked after'),
  resetAsked: ({ requestId }) => log.info({ request_id: requestId }, 'all orders were removed'),
  resetIncomplete: ({ requestId, reason }) =>
    log.warn({ request_id: requestId, reason }, 'a reset was not completed'),
  seeding: (event) => log.info(event, 'seeding'),
  seedFailed: ({ requestId, ...rest }) => log.error({ request_id: requestId, ...rest }, 'a seed failed'),

  deadLettersUnreached: ({ requestId, reason }) =>
    log.warn({ request_id: requestId, reason }, 'the dead letters were not reached'),
  databaseUnread: ({ requestId, reason }) =>
    log.warn({ request_id: requestId, reason }, 'MySQL did not answer'),
  requestFailed: ({ requestId, reason, error }) =>
    log.error({ request_id: requestId, reason, err: error }, 'a request failed'),
  accessLogFails: ({ sentence }) => log.warn(sentence),

  countCorrected: ({ difference }) =>
    log.info({ difference }, 'orders that other programs inserted or deleted are counted'),

  endpointFails: ({ host, port, reason }) =>
    log.warn({ reason }, `METRICS_PORT ${port} on ${host} cannot be served, so probes get no answer yet`),
  tracesLost: ({ reason }) => log.warn({ reason }, 'traces are lost, as nobody takes them'),
  passwordRenewed: ({ setting }) => log.info({ setting }, 'there is a new password'),
  passwordNotRenewed: ({ setting, reason }) => log.warn({ setting, reason }, 'a password cannot be renewed'),
  settingIgnored: ({ name }) => log.warn(`${name} is set and has no meaning here`),
  listening: ({ url }) => log.info(`listening on ${url}`),
  workerDied: ({ pid, code, signal, delayMs }) =>
    log.warn({ worker_pid: pid, code, signal, delay_ms: delayMs }, 'a worker died and is replaced'),
  supervisedDied: ({ name, pid, code, signal, delayMs, error }) =>
    log.warn(
      { [`${name}_pid`]: pid, code, signal, err: error, delay_ms: delayMs },
      `the ${name} died and is started again`,
    ),

  hubLeads: () => log.info('leads: passes on what the journal says'),
  hubInterrupted: ({ reason }) => log.warn({ reason }, 'the journal cannot be passed on yet'),
  eventsPublished: nothing,
  eventsDelayed: ({ reason }) => log.warn({ reason }, 'events for other services wait'),
  eventCutShort: ({ id, reason }) =>
    log.warn({ event: id, reason }, 'an event is larger than RabbitMQ takes, and is cut short'),
  eventsPassAgain: () => log.info('events for other services are published again'),
  eventsGivenUp: ({ entries }) =>
    log.error({ entries }, 'events that could not be published within HISTORY_DAYS were given up'),
  jobsPruned: ({ jobs }) => log.info({ jobs }, 'jobs older than HISTORY_DAYS are removed'),
});

/** An observer that logs nothing, for programs that run only for a moment, and for tests. */
export const unobserved: Observer = logEvents({
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
});
