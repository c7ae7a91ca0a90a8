// Node.js 18 or newer. PAYCOW_API_KEY=… PAYCOW_API_SECRET=… node payment.mjs
import { randomUUID } from 'node:crypto';

const paycow = 'https://pay.example.com';
const credentials = {
  'x-api-key': process.env.PAYCOW_API_KEY,
  'x-api-secret': process.env.PAYCOW_API_SECRET,
};

async function answerOf(response) {
  const answer = await response.json();
  if (!response.ok) throw new Error(`PayCow: ${answer.code}: ${answer.msg} (request ${answer.requestId})`);
  return answer;
}

async function createPayment(order, idempotencyKey) {
  return answerOf(await fetch(`${paycow}/api/payment/create`, {
    method: 'POST',
    headers: { ...credentials, 'Content-Type': 'application/json', 'Idempotency-Key': idempotencyKey },
    body: JSON.stringify(order),
  }));
}

async function paymentStatus(id) {
  return answerOf(await fetch(`${paycow}/payment/data/${id}`));
}

// Keep the key with the order: a repeated call with the same key makes no second payment.
const idempotencyKey = randomUUID();
const payment = await createPayment({ amount: '50.00', userId: 'user_123456', network: 'ERC20' }, idempotencyKey);
console.log(payment.paymentUrl); // send the payer here

const { status } = await paymentStatus(payment.paymentId);
console.log(status); // deliver when this is PAID
