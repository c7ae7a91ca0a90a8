<?php
// PHP 8. Works on a web server as it is. On the command line, it reads the headers from the environment and the body
// from stdin.
const TOLERANCE_SECONDS = 300;

/** Throws unless PayCow sent the webhook. Pass the body as it arrived, and parse it afterwards. */
function verify(string $secret, string $id, string $timestamp, string $signatures, string $body): void
{
    $key = base64_decode(preg_replace('/^whsec_/', '', $secret), true);
    if ($key === false || strlen($key) < 24) {
        throw new RuntimeException('the secret is missing or too short');
    }
    if (!preg_match('/^[0-9]{1,12}$/D', $timestamp) || abs(time() - (int) $timestamp) > TOLERANCE_SECONDS) {
        throw new RuntimeException('the timestamp is too far from now');
    }
    $expected = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$timestamp.$body", $key, true));
    foreach (explode(' ', $signatures) as $signature) { // two while the secret is being rotated
        if (hash_equals($expected, $signature)) {
            return;
        }
    }
    throw new RuntimeException('no signature matches');
}

$header = fn (string $name): string => $_SERVER["HTTP_WEBHOOK_$name"] ?? '';
$body = file_get_contents(PHP_SAPI === 'cli' ? 'php://stdin' : 'php://input');
try {
    verify((string) getenv('PAYCOW_WEBHOOK_SECRET'), $header('ID'), $header('TIMESTAMP'), $header('SIGNATURE'), $body);
} catch (RuntimeException $error) {
    http_response_code(400);
    error_log('refused: ' . $error->getMessage());
    exit(1);
}
$event = json_decode($body, true, flags: JSON_THROW_ON_ERROR);
echo $header('ID'), ' ', $event['type'], "\n"; // store the event unless you have this id, then work on it
