// As src/main.rs, after: cargo add serde_json && cargo add reqwest --features blocking,json
// PAYCOW_API_KEY=… PAYCOW_API_SECRET=… cargo run
use reqwest::blocking::{Client, RequestBuilder};
use serde_json::{json, Value};
use std::{env, error::Error, process, time::SystemTime};

const PAYCOW: &str = "https://pay.example.com";

fn call(request: RequestBuilder) -> Result<Value, Box<dyn Error>> {
    let response = request.send()?;
    let is_ok = response.status().is_success();
    let answer: Value = response.json()?;
    if !is_ok {
        return Err(format!("PayCow: {}: {} (request {})", answer["code"], answer["msg"], answer["requestId"]).into());
    }
    Ok(answer)
}

fn create_payment(client: &Client, order: &Value, idempotency_key: &str) -> Result<Value, Box<dyn Error>> {
    call(
        client
            .post(format!("{PAYCOW}/api/payment/create"))
            .header("x-api-key", env::var("PAYCOW_API_KEY")?)
            .header("x-api-secret", env::var("PAYCOW_API_SECRET")?)
            .header("Idempotency-Key", idempotency_key)
            .json(order),
    )
}

fn payment_data(client: &Client, id: &str) -> Result<Value, Box<dyn Error>> {
    call(client.get(format!("{PAYCOW}/payment/data/{id}")))
}

fn main() -> Result<(), Box<dyn Error>> {
    let client = Client::new();
    // In your shop, make the key from the order and keep it: a repeated call with the same key makes no second payment.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let idempotency_key = format!("order-{}-{}", now.as_nanos(), process::id());
    let order = json!({ "amount": "50.00", "userId": "user_123456", "network": "ERC20" });
    let payment = create_payment(&client, &order, &idempotency_key)?;
    println!("{}", payment["paymentUrl"].as_str().ok_or("no paymentUrl")?); // send the payer here

    let data = payment_data(&client, payment["paymentId"].as_str().ok_or("no paymentId")?)?;
    println!("{}", data["status"].as_str().ok_or("no status")?); // deliver when this is PAID
    Ok(())
}
