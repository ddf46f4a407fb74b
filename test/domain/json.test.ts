/** JSON that is written without JSON.stringify, and is the same. */
import t from 'tap';
import { quoted } from '../../domain/json.ts';
import { writeOrder } from '../../domain/order.ts';

const texts = [
  '',
  'Tea',
  'a "quote" and a \\',
  "it's",
  '\u0000\u001f\n\t\u007f\u2028',
  '\u{1F600} and \ud800 and \udc00',
  '李雷',
];

t.test('texts', async (t) => {
  for (const text of texts) t.equal(quoted(text), JSON.stringify(text));
});

t.test('orders', async (t) => {
  const orderId = '11111111-2222-7333-8444-555555555555';
  for (const text of texts)
    for (const count of [0, 1, 3]) {
      const items = Array.from({ length: count }, (_, i) => ({ name: text, quantity: i + 1 }));
      const content = { customer_name: text, status: text, items };
      t.equal(writeOrder(orderId, content), JSON.stringify({ order_id: orderId, ...content }));
    }
});
