using System.Runtime.CompilerServices;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Vireo.Commands.Framework;
using Vireo.Host.Peers;

namespace Vireo.Host.Tests.Peers;

internal sealed record Echo(string Text, string Caller);

[JsonSerializable(typeof(Echo))]
internal sealed partial class EchoJson : JsonSerializerContext;

/// <summary>What a room offers to other hosts, for tests: answers, refuses, and answers bit by bit.</summary>
internal sealed class EchoRoutes : IPeerRoutes
{
    public TaskCompletionSource Going { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public TaskCompletionSource Ended { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPost("/peer/echo", async context =>
        {
            var asked = await PeerHttp.ReadAsync(context, EchoJson.Default.Echo);
            await PeerHttp.WriteAsync(context, asked with { Caller = context.Peer().Name }, EchoJson.Default.Echo);
        });
        routes.MapGet("/peer/echo/refuse", _ => throw new CommandException("InvalidState", ErrorCategory.InvalidOperation, "The machine 'web1' is running.", "web1"));
        routes.MapGet("/peer/echo/break", _ => throw new InvalidOperationException("a secret of the inside"));
        routes.MapGet("/peer/echo/stream", context => PeerHttp.StreamAsync(context, CountAsync(fails: false, default), EchoJson.Default.Echo, TimeProvider.System));
        routes.MapGet("/peer/echo/stream-fails", context => PeerHttp.StreamAsync(context, CountAsync(fails: true, default), EchoJson.Default.Echo, TimeProvider.System));
        routes.MapGet("/peer/echo/forever", context => PeerHttp.StreamAsync(context, ForeverAsync(context.RequestAborted), EchoJson.Default.Echo, TimeProvider.System));
    }

    private static async IAsyncEnumerable<Echo> CountAsync(bool fails, [EnumeratorCancellation] CancellationToken cancellation)
    {
        for (var i = 0; i < 3; i++)
        {
            await Task.Yield();
            cancellation.ThrowIfCancellationRequested();
            yield return new Echo($"{i}", "");
        }

        if (fails)
        {
            throw new CommandException("DiskFull", ErrorCategory.ResourceUnavailable, "The disk is full.");
        }
    }

    private async IAsyncEnumerable<Echo> ForeverAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        yield return new Echo("here", "");
        Going.TrySetResult();
        try
        {
            await Task.Delay(Timeout.Infinite, cancellation);
        }
        finally
        {
            Ended.TrySetResult();
        }
    }
}
