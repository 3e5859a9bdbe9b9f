using Vireo.Host.Mobility;
using Vireo.Testing;

namespace Vireo.Host.Tests.Mobility;

/// <summary>So many go at once, the others in their order.</summary>
[Requirement("SM-1")]
public sealed class MoveQueueTests
{
    [Fact]
    public async Task So_many_go_at_once_and_the_others_wait_in_their_order()
    {
        var limit = 2;
        var queue = new MoveQueue(() => limit);
        var waited = 0;
        var turns = Enumerable.Range(0, 5).Select(_ => queue.EnterAsync(() => waited++, CancellationToken.None)).ToList();
        Assert.Equal([true, true, false, false, false], turns.Select(turn => turn.IsCompletedSuccessfully));
        Assert.Equal(3, waited);

        (await turns[1]).Dispose();
        (await turns[1]).Dispose();
        await turns[2].WaitAsync(TimeSpan.FromMinutes(1));
        Assert.False(turns[3].IsCompleted);

        // The limit takes effect at once when it is raised, and for those who come when it is lowered.
        limit = 3;
        queue.Next();
        await turns[3].WaitAsync(TimeSpan.FromMinutes(1));
        limit = 1;
        (await turns[0]).Dispose();
        (await turns[2]).Dispose();
        Assert.False(turns[4].IsCompleted);
        (await turns[3]).Dispose();
        await turns[4].WaitAsync(TimeSpan.FromMinutes(1));
    }

    [Fact]
    public async Task Who_gives_up_is_in_nobodys_way()
    {
        var queue = new MoveQueue(() => 1);
        using var cancel = new CancellationTokenSource();
        var first = await queue.EnterAsync(() => { }, CancellationToken.None);
        var second = queue.EnterAsync(() => { }, cancel.Token);
        var third = queue.EnterAsync(() => { }, CancellationToken.None);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        first.Dispose();
        using var turn = await third.WaitAsync(TimeSpan.FromMinutes(1));
    }
}
