// Node.js 18 or newer. Reads a webhook as CGI passes it on: the headers from the environment, the body from stdin.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';

const toleranceSeconds = 300;

// verify throws unless PayCow sent the webhook. Pass the body as it arrived, and parse it afterwards.
function verify(secret, id, timestamp, signatures, body) {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  if (key.length < 24) throw new Error('the secret is missing or too short');
  if (!/^[0-9]{1,12}$/.test(timestamp) || Math.abs(Date.now() / 1000 - Number(timestamp)) > toleranceSeconds) {
    throw new Error('the timestamp is too far from now');
  }
  const expected = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest();
  for (const signature of signatures.split(' ')) { // two while the secret is being rotated
    const given = Buffer.from(signature.replace(/^v1,/, ''), 'base64');
    if (signature.startsWith('v1,') && given.length === expected.length && timingSafeEqual(given, expected)) return;
  }
  throw new Error('no signature matches');
}

const env = (name) => process.env[name] ?? '';
const id = env('HTTP_WEBHOOK_ID');
const body = readFileSync(0);
try {
  verify(env('PAYCOW_WEBHOOK_SECRET'), id, env('HTTP_WEBHOOK_TIMESTAMP'), env('HTTP_WEBHOOK_SIGNATURE'), body);
} catch (error) {
  console.error(`refused: ${error.message}`);
  process.exit(1); // answer 400
}
const event = JSON.parse(body);
console.log(id, event.type); // store the event unless you have this id, answer 204, then work on it
