// .NET 8 or newer, as the Program.cs of a console project. PAYCOW_API_KEY=… PAYCOW_API_SECRET=… dotnet run
using System.Net.Http.Json;
using System.Text.Json;

var paycow = "https://pay.example.com";
using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(20) };

async Task<JsonElement> Call(HttpRequestMessage request)
{
    using var response = await client.SendAsync(request);
    var answer = await response.Content.ReadFromJsonAsync<JsonElement>();
    if (!response.IsSuccessStatusCode)
    {
        throw new Exception($"PayCow: {answer.GetProperty("code")}: {answer.GetProperty("msg")} (request {answer.GetProperty("requestId")})");
    }
    return answer;
}

Task<JsonElement> CreatePayment(object order, string idempotencyKey)
{
    var request = new HttpRequestMessage(HttpMethod.Post, $"{paycow}/api/payment/create") { Content = JsonContent.Create(order) };
    request.Headers.Add("x-api-key", Environment.GetEnvironmentVariable("PAYCOW_API_KEY"));
    request.Headers.Add("x-api-secret", Environment.GetEnvironmentVariable("PAYCOW_API_SECRET"));
    request.Headers.Add("Idempotency-Key", idempotencyKey);
    return Call(request);
}

Task<JsonElement> PaymentData(string id) => Call(new HttpRequestMessage(HttpMethod.Get, $"{paycow}/payment/data/{id}"));

// Keep the key with the order: a repeated call with the same key makes no second payment.
var idempotencyKey = Guid.NewGuid().ToString();
var payment = await CreatePayment(new { amount = "50.00", userId = "user_123456", network = "ERC20" }, idempotencyKey);
Console.WriteLine(payment.GetProperty("paymentUrl").GetString()); // send the payer here

var data = await PaymentData(payment.GetProperty("paymentId").GetString()!);
Console.WriteLine(data.GetProperty("status").GetString()); // deliver when this is PAID
