import t from 'tap';
import { createLedger } from './ledger.ts';

const order = { customer_name: 'Ada', status: 'new', items: [] };

t.test('a write to an order that nobody made is without an order', async (t) => {
  const ledger = createLedger();
  t.strictSame(ledger.note([{ jobId: 'job', orderId: 'none', order: undefined, status: 'paid' }]), []);
  t.strictSame([...ledger.homeless], ['job']);
});

t.test('a write beside one without an answer is judged by nobody', async (t) => {
  const ledger = createLedger();
  ledger.note([{ jobId: 'create', orderId: 'order', order, status: undefined }]);
  ledger.forget('order');
  t.strictSame(ledger.note([{ jobId: 'change', orderId: 'order', order: undefined, status: 'paid' }]), []);
  t.strictSame([...ledger.homeless], []);
});
