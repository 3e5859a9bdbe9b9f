using System.Text.Json;
using Vireo.Commands.Framework;
using Vireo.Surface;
using Vireo.Testing;

namespace Vireo.Commands.Tests;

/// <summary>The answer of a command is a stream of records.</summary>
[Requirement("PS-4")]
public class RecordTests
{
    private static readonly CommandRegistry Registry = new(CommandTable.Descriptors);
    private readonly QuestionDesk _questions = new();

    private sealed class NoServices : IServiceProvider
    {
        public object? GetService(Type serviceType) => null;
    }

    private static CommandRequest Request(string parameters) => new() { Parameters = JsonDocument.Parse(parameters).RootElement };

    private async Task<List<CommandRecord>> RunAsync(
        CommandRequest request, string command = "Test-Sample", Action<CommandRecord>? seen = null, CancellationToken cancellation = default)
    {
        var stream = new RecordStream();
        var run = new CommandRunner(_questions, new NoServices()).RunAsync(Registry.Find(command)!, request, "tester", stream, cancellation);
        var records = new List<CommandRecord>();
        await foreach (var line in stream.Lines.ReadAllAsync(CancellationToken.None))
        {
            Assert.Equal((byte)'\n', line.Span[^1]);
            var record = CommandRecord.Read(JsonDocument.Parse(line).RootElement)!;
            records.Add(record);
            seen?.Invoke(record);
        }

        await run;
        Assert.IsType<EndRecord>(records[^1]);
        return records;
    }

    [Fact]
    public async Task Objects_progress_and_the_end_come_in_order()
    {
        var records = await RunAsync(Request("""{"Name":["a","b"]}"""));
        Assert.Equal([typeof(ProgressRecord), typeof(ObjectRecord), typeof(ObjectRecord), typeof(EndRecord)], records.Select(record => record.GetType()));
        var written = (ObjectRecord)records[1];
        Assert.Equal("Microsoft.HyperV.PowerShell.VirtualMachine", written.Type);
        Assert.Equal("a", written.Value.GetProperty("Name").GetString());
        Assert.Equal("Running", written.Value.GetProperty("State").GetString());
        Assert.Equal(new EndRecord("completed", 0), records[^1]);
    }

    [Fact]
    public async Task An_error_does_not_stop_the_rest_and_carries_the_full_id()
    {
        var records = await RunAsync(Request("""{"Name":["bad","b"]}"""));
        var error = Assert.Single(records.OfType<ErrorRecord>());
        Assert.Equal("InvalidParameter,Microsoft.HyperV.PowerShell.Commands.TestSample", error.FullyQualifiedErrorId);
        Assert.Equal("InvalidArgument", error.Category);
        Assert.Equal("bad", error.Target);
        Assert.False(error.Terminating);
        Assert.Single(records.OfType<ObjectRecord>());
        Assert.Equal(new EndRecord("completed", 1), records[^1]);
    }

    [Fact]
    public async Task An_unforeseen_failure_ends_the_command_as_an_error()
    {
        var records = await RunAsync(Request("""{"Name":"throw"}"""));
        var error = Assert.Single(records.OfType<ErrorRecord>());
        Assert.Equal(("Unspecified", "NotSpecified", true), (error.ErrorId, error.Category, error.Terminating));
        Assert.Equal(new EndRecord("failed", 1), records[^1]);
    }

    [Fact]
    public async Task WhatIf_says_what_would_be_done_and_does_nothing()
    {
        var records = await RunAsync(Request("""{"Name":"a"}""") with { WhatIf = true });
        Assert.Contains(new WhatIfRecord("a", "Test-Sample"), records);
        Assert.Empty(records.OfType<ObjectRecord>());
    }

    [Fact]
    public async Task Verbose_is_sent_when_asked_for()
    {
        Assert.Empty((await RunAsync(Request("""{"Name":"a"}"""))).OfType<VerboseRecord>());
        Assert.NotEmpty((await RunAsync(Request("""{"Name":"a"}""") with { Verbose = true })).OfType<VerboseRecord>());
    }

    [Theory]
    [InlineData(Answer.Yes, 2, 2)]
    [InlineData(Answer.No, 2, 0)]
    [InlineData(Answer.YesToAll, 1, 2)]
    [InlineData(Answer.NoToAll, 1, 0)]
    public async Task Confirm_asks_before_each_action_until_answered_for_all(Answer answer, int questions, int objects)
    {
        var records = await RunAsync(Request("""{"Name":["a","b"]}""") with { Confirm = true, Interactive = true }, seen: record =>
        {
            if (record is QuestionRecord question)
            {
                Assert.True(_questions.Reply(question.Id, answer));
            }
        });
        Assert.Equal(questions, records.OfType<QuestionRecord>().Count());
        Assert.Equal(objects, records.OfType<ObjectRecord>().Count());
    }

    [Fact]
    public async Task A_command_that_must_ask_fails_where_nobody_answers()
    {
        var error = Assert.Single((await RunAsync(Request("""{"Name":"a","Ask":true}"""))).OfType<ErrorRecord>());
        Assert.Equal("ConfirmationRequired", error.ErrorId);
        Assert.Contains("-Force", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Force_answers_with_yes() =>
        Assert.Single((await RunAsync(Request("""{"Name":"a","Ask":true,"Force":true}"""))).OfType<ObjectRecord>());

    [Fact]
    public async Task High_impact_asks_unless_told_not_to()
    {
        Assert.Single((await RunAsync(Request("""{"Name":"a"}"""), "Remove-Sample")).OfType<ErrorRecord>());
        Assert.Empty((await RunAsync(Request("""{"Name":"a"}""") with { Confirm = false }, "Remove-Sample")).OfType<ErrorRecord>());
        Assert.Empty((await RunAsync(Request("""{"Name":"a"}""") with { ConfirmPreference = "None" }, "Remove-Sample")).OfType<ErrorRecord>());
    }

    [Fact]
    public async Task Cancelling_ends_the_stream()
    {
        using var cancel = new CancellationTokenSource();
        var records = await RunAsync(
            Request("""{"Name":"a","Wait":true}"""),
            seen: record =>
            {
                if (record is WarningRecord)
                {
                    cancel.Cancel();
                }
            },
            cancellation: cancel.Token);
        Assert.Equal("cancelled", ((EndRecord)records[^1]).Status);
    }

    [Fact]
    public async Task A_refused_request_runs_nothing()
    {
        var records = await RunAsync(Request("""{"Nmae":"a"}"""));
        Assert.Equal("NamedParameterNotFound,Microsoft.HyperV.PowerShell.Commands.TestSample", Assert.Single(records.OfType<ErrorRecord>()).FullyQualifiedErrorId);
    }

    [Fact]
    public void The_openapi_document_describes_each_command()
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
        {
            OpenApiDocument.Write(writer, Registry, "1.0.0");
        }

        using var document = JsonDocument.Parse(stream.ToArray());
        var schema = document.RootElement.GetProperty("paths").GetProperty("/api/commands/Test-Sample").GetProperty("post")
            .GetProperty("requestBody").GetProperty("content").GetProperty("application/json").GetProperty("schema")
            .GetProperty("properties").GetProperty("parameters").GetProperty("properties");
        Assert.Equal("array", schema.GetProperty("Name").GetProperty("type").GetString());
        Assert.Equal("integer", schema.GetProperty("MemoryStartupBytes").GetProperty("type").GetString());
        Assert.Contains("StartIfRunning", schema.GetProperty("Action").GetProperty("enum").EnumerateArray().Select(word => word.GetString()));
        Assert.False(schema.TryGetProperty("ComputerName", out _));
    }
}
