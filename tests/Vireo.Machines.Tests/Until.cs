namespace Vireo.Machines.Tests;

/// <summary>Waits for things themselves, with a deadline that only a failure reaches.</summary>
internal static class Until
{
    public static readonly TimeSpan Deadline = TimeSpan.FromMinutes(3);

    public static CancellationToken Token => new CancellationTokenSource(Deadline).Token;

    public static async Task TrueAsync(Func<bool> condition, string what)
    {
        using var deadline = new CancellationTokenSource(Deadline);
        while (!condition())
        {
            if (deadline.IsCancellationRequested)
            {
                Assert.Fail($"Did not happen within {Deadline.TotalSeconds} s: {what}");
            }

            await Task.Delay(10, CancellationToken.None);
        }
    }
}
