// .NET 8 or newer. Reads a webhook as CGI passes it on: the headers from the environment, the body from stdin.
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

const int toleranceSeconds = 300;

// Verify throws unless PayCow sent the webhook. Pass the body as it arrived, and parse it afterwards.
static void Verify(string secret, string id, string timestamp, string signatures, byte[] body)
{
    var key = Convert.FromBase64String(secret.StartsWith("whsec_", StringComparison.Ordinal) ? secret[6..] : secret);
    if (key.Length < 24)
    {
        throw new FormatException("the secret is missing or too short");
    }
    if (!long.TryParse(timestamp, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
        || Math.Abs(DateTimeOffset.UtcNow.ToUnixTimeSeconds() - seconds) > toleranceSeconds)
    {
        throw new FormatException("the timestamp is too far from now");
    }
    byte[] message = [.. Encoding.UTF8.GetBytes($"{id}.{timestamp}."), .. body];
    var expected = Encoding.UTF8.GetBytes("v1," + Convert.ToBase64String(HMACSHA256.HashData(key, message)));
    foreach (var signature in signatures.Split(' ')) // two while the secret is being rotated
    {
        if (CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(signature), expected))
        {
            return;
        }
    }
    throw new FormatException("no signature matches");
}

static string Env(string name) => Environment.GetEnvironmentVariable(name) ?? "";

using var input = new MemoryStream();
Console.OpenStandardInput().CopyTo(input);
var body = input.ToArray();
var id = Env("HTTP_WEBHOOK_ID");
try
{
    Verify(Env("PAYCOW_WEBHOOK_SECRET"), id, Env("HTTP_WEBHOOK_TIMESTAMP"), Env("HTTP_WEBHOOK_SIGNATURE"), body);
}
catch (FormatException error)
{
    Console.Error.WriteLine($"refused: {error.Message}");
    return 1; // answer 400
}
using var webhook = JsonDocument.Parse(body);
// Store the event unless you have this id, answer 204, then work on it.
Console.WriteLine($"{id} {webhook.RootElement.GetProperty("type").GetString()}");
return 0;
