using System.Globalization;
using System.Runtime.CompilerServices;

namespace Vireo.Testing;

/// <summary>
/// Seeds of random choices. All seeds of a run come from one number, which <c>./test</c> chooses and prints: with
/// <c>VIREO_SEED=number</c> in the environment a run makes the same choices again.
/// </summary>
public static class TestSeed
{
    private static readonly int s_run =
        int.TryParse(Environment.GetEnvironmentVariable("VIREO_SEED"), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var seed) ? seed : Environment.TickCount;

    /// <summary>The seed of the caller: another one for every test, the same one whatever ran before it.</summary>
    /// <param name="test">Name of the test.</param>
    /// <param name="file">Its source file.</param>
    public static int Next([CallerMemberName] string test = "", [CallerFilePath] string file = "")
    {
        // FNV-1a: string.GetHashCode differs from process to process.
        var hash = 2166136261u ^ (uint)s_run;
        foreach (var character in Path.GetFileName(file) + "." + test)
        {
            hash = (hash ^ character) * 16777619u;
        }

        Console.WriteLine($"VIREO_SEED={s_run} (seed {(int)hash} in {test})");
        return (int)hash;
    }
}
