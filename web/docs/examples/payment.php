<?php
// PHP 8 with curl. PAYCOW_API_KEY=… PAYCOW_API_SECRET=… php payment.php
const PAYCOW = 'https://pay.example.com';

function call(string $path, array $options = []): array
{
    $curl = curl_init(PAYCOW . $path);
    curl_setopt_array($curl, $options + [CURLOPT_RETURNTRANSFER => true, CURLOPT_TIMEOUT => 20]);
    $text = curl_exec($curl);
    if ($text === false) {
        throw new RuntimeException('PayCow: ' . curl_error($curl));
    }
    $answer = json_decode($text, true, flags: JSON_THROW_ON_ERROR);
    if (curl_getinfo($curl, CURLINFO_RESPONSE_CODE) !== 200) {
        throw new RuntimeException("PayCow: {$answer['code']}: {$answer['msg']} (request {$answer['requestId']})");
    }
    return $answer;
}

function createPayment(array $order, string $idempotencyKey): array
{
    return call('/api/payment/create', [
        CURLOPT_POSTFIELDS => json_encode($order, JSON_THROW_ON_ERROR),
        CURLOPT_HTTPHEADER => [
            'Content-Type: application/json',
            'Idempotency-Key: ' . $idempotencyKey,
            'x-api-key: ' . getenv('PAYCOW_API_KEY'),
            'x-api-secret: ' . getenv('PAYCOW_API_SECRET'),
        ],
    ]);
}

// Keep the key with the order: a repeated call with the same key makes no second payment.
$idempotencyKey = bin2hex(random_bytes(16));
$payment = createPayment(['amount' => '50.00', 'userId' => 'user_123456', 'network' => 'ERC20'], $idempotencyKey);
echo $payment['paymentUrl'], "\n"; // send the payer here: header('Location: ' . $payment['paymentUrl']);

$data = call('/payment/data/' . $payment['paymentId']);
echo $data['status'], "\n"; // deliver when this is PAID
