using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json.Nodes;

namespace Vireo.Host.Tests;

/// <summary>Sends commands the way <c>curl --unix-socket</c> does, and reads the records.</summary>
internal sealed class HostClient(string root) : IDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler
    {
        ConnectCallback = async (_, cancellation) =>
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(Path.Combine(root, "run", "host.sock")), cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        },
    })
    {
        BaseAddress = new Uri("http://host/"),
        Timeout = TimeSpan.FromMinutes(2),
    };

    /// <summary>The records of a command.</summary>
    public async Task<List<JsonObject>> RunAsync(string command, object parameters, bool whatIf = false, bool verbose = false, bool? confirm = null)
    {
        using var response = await _http.PostAsJsonAsync($"api/commands/{command}", new { parameters, whatIf, verbose, confirm });
        var text = await response.Content.ReadAsStringAsync();
        return [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!.AsObject())];
    }

    /// <summary>Starts a command as a job, which goes on by itself; returns its id.</summary>
    public async Task<Guid> StartJobAsync(string command, object parameters)
    {
        using var response = await _http.PostAsJsonAsync($"api/commands/{command}", new { parameters, asJob = true });
        var text = await response.Content.ReadAsStringAsync();
        var record = text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!.AsObject()).FirstOrDefault(line => (string?)line["record"] == "job");
        return record is null ? throw new Xunit.Sdk.XunitException($"{command} became no job: {text}") : (Guid)record["id"]!;
    }

    /// <summary>Asks a job to end.</summary>
    public async Task CancelJobAsync(Guid id)
    {
        using var response = await _http.DeleteAsync($"api/jobs/{id:D}");
        response.EnsureSuccessStatusCode();
    }

    /// <summary>The objects of a command that must not fail.</summary>
    public async Task<List<JsonObject>> ObjectsAsync(string command, object parameters, bool? confirm = null)
    {
        var records = await RunAsync(command, parameters, confirm: confirm);
        var error = records.FirstOrDefault(record => (string?)record["record"] == "error");
        Assert.True(error is null, error?.ToJsonString());
        return [.. records.Where(record => (string?)record["record"] == "object").Select(record => record["value"]!.AsObject())];
    }

    /// <summary>The first error of a command that must fail.</summary>
    public async Task<JsonObject> ErrorAsync(string command, object parameters)
    {
        var records = await RunAsync(command, parameters);
        return records.FirstOrDefault(record => (string?)record["record"] == "error")
            ?? throw new Xunit.Sdk.XunitException($"{command} did not fail: {string.Join("\n", records.Select(record => record.ToJsonString()))}");
    }

    /// <summary>The answer to a request without a body.</summary>
    public async Task<string> PostAsync(string path, CancellationToken cancellation = default)
    {
        using var response = await _http.PostAsync(path, null, cancellation);
        return await response.EnsureSuccessStatusCode().Content.ReadAsStringAsync(cancellation);
    }

    /// <summary>The answer to a request with a JSON body: whether it was done, and the answer or the refusal.</summary>
    public async Task<(bool IsDone, JsonNode Answer)> PostAsync(string path, object body)
    {
        using var response = await _http.PostAsJsonAsync(path, body);
        var text = await response.Content.ReadAsStringAsync();
        return (response.IsSuccessStatusCode, JsonNode.Parse(text) ?? throw new Xunit.Sdk.XunitException($"{path} answered {text}"));
    }

    public async Task<JsonNode> GetAsync(string path) => JsonNode.Parse(await _http.GetStringAsync(path))!;

    public void Dispose() => _http.Dispose();
}
