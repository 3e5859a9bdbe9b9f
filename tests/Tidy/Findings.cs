namespace Vireo.Tidy.Tests;

/// <summary>What a rule found, shown whole: a person mends everything in one go.</summary>
internal static class Findings
{
    /// <summary>Fails when there is any finding; <paramref name="rule"/> says what to do about it.</summary>
    public static void None(string rule, IEnumerable<string> findings)
    {
        var list = findings.ToList();
        Assert.True(list.Count == 0, $"{rule}\n{string.Join('\n', list)}");
    }
}
