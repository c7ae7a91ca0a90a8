const response = await fetch('https://paycow.net/api/payment/create', {
method: 'POST',
headers: {
'Content-Type': 'application/json',
'x-api-key': process.env.PAYCOW_API_KEY,
'x-api-secret': process.env.PAYCOW_API_SECRET,
},
body: JSON.stringify({
amount: 50.00,
userId: 'user_123456',
network: 'ERC20',
}),
});
const { sessionId, paymentUrl } = await response.json();
res.redirect(paymentUrl);
