using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Vireo.Platform;

/// <summary>Assertions that stay in release builds. Stopping is better than writing on: every plane is built to be restarted.</summary>
public static class Invariant
{
    /// <summary>Throws <see cref="InvariantViolatedException"/> naming <paramref name="expression"/> unless <paramref name="condition"/> holds.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Check(
        [DoesNotReturnIf(false)] bool condition,
        [CallerArgumentExpression(nameof(condition))] string expression = "")
    {
        if (!condition)
        {
            Fail(expression);
        }
    }

    [DoesNotReturn]
    private static void Fail(string expression) => throw new InvariantViolatedException(expression);
}

/// <summary>A fact the program relies on does not hold: a defect of Vireo, never a consequence of hostile input.</summary>
/// <param name="expression">The source text of the fact.</param>
public sealed class InvariantViolatedException(string expression) : Exception($"Invariant violated: {expression}");
