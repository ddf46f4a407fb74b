/** What the documentation says of the list of orders. */
import type { Operations } from '../docs/operation.ts';

const NEXT = '?limit=1&status=shipped&after=01a1fd04-a459-70ad-b06c-9968cf727295';

export const listDocs: Operations = {
  'GET /orders': {
    operationId: 'listOrders',
    tag: 'orders',
    summary: 'Read all orders, or a page of them',
    description:
      'What has reached the database, the order accepted last first. With any of the parameters but `count` alone it is a page: then `next` is the URL of the page behind it, relative to the URL of the request, or `null`, and `total_orders` is there if nothing is filtered or `count` is `true`. Orders that come or go between two pages neither repeat nor hide others.',
    headers: ['If-None-Match', 'Accept-Encoding'],
    query: {
      limit: 'How many orders a page has at most, 1 to 1000; 100 if absent.',
      after: 'The id of the order behind which the page begins, even if that order has been deleted since.',
      status: 'Only orders with this status; case and accents do not count.',
      customer_name: "Only orders whose customer's name begins with this; case and accents do not count.",
      count: '`true`: a filtered page has `total_orders` too.',
    },
    answers: {
      200: {
        description: 'All orders, or a page.',
        headers: ['ETag', 'Cache-Control', 'Content-Encoding', 'Link'],
        example: {
          orders: [
            {
              order_id: '01a1fd04-a459-70ad-b06c-9968cf727295',
              customer_name: 'Elinor Heidenreich',
              status: 'shipped',
              items: [{ name: 'Fresh Rubber Chair', quantity: 7 }],
            },
          ],
          next: NEXT,
        },
      },
      304: {
        description: 'The client has the answer already: it sent its `ETag`.',
        headers: ['ETag', 'Cache-Control'],
      },
    },
    errors: { 404: ['order_not_found'], 503: ['database_unavailable', 'lists_busy', 'unavailable'] },
  },
};
