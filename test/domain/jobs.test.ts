import t from 'tap';
import { namesIn, parseJob, readMembers } from '../../domain/jobs.ts';

const names = (body: string) => namesIn(Buffer.from(body));
const unknown = { jobId: undefined, jobType: undefined, orderId: undefined, version: undefined };

t.test('what a message says of itself', async (t) => {
  t.strictSame(
    names('{"job_id":"j","type":"delete_order","payload":{"order_id":"o"},"version":7,"accepted_at":"x"}'),
    { jobId: 'j', jobType: 'delete_order', orderId: 'o', version: 7 },
  );
  t.strictSame(names('{"job_id":1,"type":"other","payload":null,"version":"7"}'), unknown, 'of other types');
  t.strictSame(names('"text"'), unknown);
});

t.test('an order_id in capitals is that in lower case', async (t) => {
  const text =
    '{"job_id":"J","type":"delete_order","payload":{"order_id":"01A1FC79-708D-709E-9C18-29DBDFFFE8DD"}}';
  const job = {
    job_id: 'J',
    type: 'delete_order',
    payload: { order_id: '01a1fc79-708d-709e-9c18-29dbdfffe8dd' },
  };
  t.strictSame(parseJob(Buffer.from(text)), job);
  for (const odd of ['null', '[]', '"x"', '{"payload":null}', '{"payload":{"order_id":7}}'])
    t.throws(() => parseJob(Buffer.from(odd)), /^type must be one of/, odd);
  t.match(readMembers(Buffer.from(text)), { payload: job.payload }, 'in a dead letter too');
});

t.test('of what is no job at all nobody knows how old it is, so that no reset removes it', async (t) => {
  for (const body of ['null', '', '{', '\xff'])
    t.strictSame(names(body), { version: Number.POSITIVE_INFINITY }, body);
});
