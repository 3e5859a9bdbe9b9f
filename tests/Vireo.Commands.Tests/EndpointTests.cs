using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Vireo.Client;
using Vireo.Commands.Framework;
using Vireo.Host.Api;
using Vireo.Surface;
using Vireo.Testing;

namespace Vireo.Commands.Tests;

/// <summary>The sample commands over HTTP: the routes of the host, and the client that everybody uses.</summary>
[Requirement("PS-3")]
public sealed class EndpointTests : IAsyncLifetime, IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly Host _host = new();
    private WebApplication? _application;
    private HostClient? _client;

    public async Task InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(options => options.ListenUnixSocket(_folder["host.sock"]));
        _application = builder.Build();
        CommandEndpoints.Map(_application, _host);
        await _application.StartAsync();
        _client = new HostClient(HostAddress.Parse("unix:" + _folder["host.sock"]));
    }

    public async Task DisposeAsync() => await _application!.DisposeAsync();

    public void Dispose()
    {
        _client?.Dispose();
        _folder.Dispose();
    }

    private async Task<List<CommandRecord>> SendAsync(string command, string parameters, Func<CommandRecord, Task>? seen = null, CancellationToken cancellation = default, bool asJob = false)
    {
        var records = new List<CommandRecord>();
        var request = new CommandRequest { Parameters = JsonDocument.Parse(parameters).RootElement, Interactive = true, Confirm = seen is null ? false : null, AsJob = asJob };
        await foreach (var record in _client!.SendAsync(command, request, cancellation))
        {
            records.Add(record);
            await (seen?.Invoke(record) ?? Task.CompletedTask);
        }

        return records;
    }

    [Fact]
    public async Task Records_arrive()
    {
        var records = await SendAsync("test-sample", """{"Name":["a","bad"]}""");
        Assert.Equal(
            [typeof(ProgressRecord), typeof(ObjectRecord), typeof(ErrorRecord), typeof(EndRecord)], records.Select(static record => record.GetType()));
        Assert.Equal(new EndRecord("completed", 1), records[^1]);
    }

    [Fact]
    public async Task A_question_is_answered_while_the_command_runs()
    {
        var records = await SendAsync("Remove-Sample", """{"Name":"a"}""", async record =>
        {
            if (record is QuestionRecord question)
            {
                Assert.True(await _client!.ReplyAsync(question.Id, Answer.Yes));
                Assert.False(await _client.ReplyAsync(Guid.NewGuid(), Answer.Yes));
            }
        });
        Assert.Single(records.OfType<QuestionRecord>());
        Assert.Equal("completed", ((EndRecord)records[^1]).Status);
    }

    [Fact]
    public async Task A_client_that_leaves_cancels_the_command()
    {
        using var cancel = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => SendAsync(
            "Test-Sample", """{"Name":"a","Wait":true}""", record => record is WarningRecord ? cancel.CancelAsync() : Task.CompletedTask, cancel.Token));
        await _host.Cancelled.Task.WaitAsync(TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task Unknown_commands_and_refused_parameters_are_errors_in_the_stream()
    {
        Assert.Equal("CommandNotFoundException", Assert.Single((await SendAsync("Test-Nothing", "{}")).OfType<ErrorRecord>()).ErrorId);
        Assert.Equal("NamedParameterNotFound", Assert.Single((await SendAsync("Test-Sample", """{"Nmae":"a"}""")).OfType<ErrorRecord>()).ErrorId);
        using var http = Http();
        using var refused = await http.PostAsync("/api/commands/Test-Sample", new StringContent("""{"parameters":{"Nmae":1}}"""));
        Assert.Equal(400, (int)refused.StatusCode);
        using var broken = await http.PostAsync("/api/commands/Test-Sample", new StringContent("{"));
        Assert.Equal(400, (int)broken.StatusCode);
        Assert.Contains("InvalidRequest", await broken.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        using var halfCharacter = await http.PostAsync("/api/commands/Test-Sample", new StringContent("""{"parameters":{"Name":"\ud800"}}"""));
        Assert.Equal(400, (int)halfCharacter.StatusCode);
        Assert.Contains("InvalidRequest", await halfCharacter.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        using var unknown = await http.PostAsync("/api/commands/Test-Nothing", new StringContent("{}"));
        Assert.Equal(404, (int)unknown.StatusCode);
    }

    [Fact]
    public async Task A_job_is_answered_at_once() =>
        Assert.Equal([new JobRecord(Host.Job), new EndRecord("completed", 0)], await SendAsync("Test-Sample", """{"Name":"a","Wait":true}""", asJob: true));

    [Fact]
    public async Task The_host_lists_and_describes_its_commands()
    {
        Assert.Contains("Test-Sample", (await _client!.GetAsync("api/commands")).EnumerateArray().Select(static command => command.GetProperty("name").GetString()));
        Assert.True((await _client.GetAsync("api/openapi.json")).GetProperty("paths").TryGetProperty("/api/commands/Remove-Sample", out _));
    }

    private HttpClient Http() => new(new SocketsHttpHandler
    {
        ConnectCallback = async (_, cancellation) =>
        {
            var socket = new System.Net.Sockets.Socket(System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Unspecified);
            await socket.ConnectAsync(new System.Net.Sockets.UnixDomainSocketEndPoint(_folder["host.sock"]), cancellation);
            return new System.Net.Sockets.NetworkStream(socket, ownsSocket: true);
        },
    })
    { BaseAddress = new Uri("http://host/") };

    private sealed class Host : ICommandHost, IServiceProvider
    {
        public static readonly Guid Job = Guid.NewGuid();

        public CommandRegistry Registry { get; } = new(CommandTable.Descriptors);

        public QuestionDesk Questions { get; } = new();

        public TaskCompletionSource Cancelled { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public async Task RunAsync(CommandDescriptor descriptor, CommandRequest request, string caller, RecordStream records, CancellationToken cancellation)
        {
            await new CommandRunner(Questions, this).RunAsync(descriptor, request, caller, records, cancellation);
            if (cancellation.IsCancellationRequested)
            {
                Cancelled.TrySetResult();
            }
        }

        public Guid StartJob(CommandDescriptor descriptor, CommandRequest request, string caller) => Job;

        public string CallerOf(HttpContext context) => "tester";

        public object? GetService(Type serviceType) => null;
    }
}
