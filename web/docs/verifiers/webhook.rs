// As src/main.rs, after: cargo add hmac@0.12 sha2@0.10 data-encoding@2 serde_json@1
// Reads a webhook as CGI passes it on: the headers from the environment, the body from stdin.
use data_encoding::BASE64;
use hmac::{Hmac, Mac};
use serde_json::Value;
use sha2::Sha256;
use std::{env, error::Error, io, io::Read, time::SystemTime};

const TOLERANCE_SECONDS: u64 = 300;

// Returns an error unless PayCow sent the webhook. Pass the body as it arrived, and parse it afterwards.
fn verify(secret: &str, id: &str, timestamp: &str, signatures: &str, body: &[u8]) -> Result<(), Box<dyn Error>> {
    let key = BASE64.decode(secret.trim_start_matches("whsec_").as_bytes())?;
    if key.len() < 24 {
        return Err("the secret is missing or too short".into());
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    if timestamp.parse::<u64>()?.abs_diff(now) > TOLERANCE_SECONDS {
        return Err("the timestamp is too far from now".into());
    }
    let mac = Hmac::<Sha256>::new_from_slice(&key)?
        .chain_update(format!("{id}.{timestamp}."))
        .chain_update(body);
    for signature in signatures.split(' ') {
        // Two while the secret is being rotated.
        let given = signature.strip_prefix("v1,").unwrap_or("");
        let given = BASE64.decode(given.as_bytes()).unwrap_or_default();
        if mac.clone().verify_slice(&given).is_ok() {
            return Ok(());
        }
    }
    Err("no signature matches".into())
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

fn main() -> Result<(), Box<dyn Error>> {
    let id = variable("HTTP_WEBHOOK_ID");
    let mut body = Vec::new();
    io::stdin().read_to_end(&mut body)?;
    verify(
        &variable("PAYCOW_WEBHOOK_SECRET"),
        &id,
        &variable("HTTP_WEBHOOK_TIMESTAMP"),
        &variable("HTTP_WEBHOOK_SIGNATURE"),
        &body,
    )
    .map_err(|error| format!("refused: {error}"))?; // answer 400
    let event: Value = serde_json::from_slice(&body)?;
    println!("{id} {}", event["type"].as_str().ok_or("no type")?); // store it unless you have this id, answer 204
    Ok(())
}
