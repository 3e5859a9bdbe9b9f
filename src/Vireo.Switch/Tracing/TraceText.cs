using System.Globalization;
using System.Text;
using Vireo.Control.Switching;

namespace Vireo.Switch.Tracing;

/// <summary>A frame's way as text.</summary>
internal static class TraceText
{
    /// <summary>What became of it, in a line.</summary>
    public static string Verdict(FrameReport frame, Func<Guid, string> nameOf) => frame.Decision switch
    {
        TraceDecision.Delivered => $"delivered to {string.Join(", ", frame.Receivers.Select(nameOf))}",
        TraceDecision.Held => $"held by {frame.Steps.LastOrDefault(step => step.Verdict is not null)?.Stage}",
        _ => Refusal(frame, nameOf),
    };

    /// <summary>The frame and its steps, a line each.</summary>
    public static string Table(FrameReport frame, Func<Guid, string> nameOf)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{frame.Time:HH:mm:ss.fffffff}  {nameOf(frame.Port)}  {frame.Summary}  {frame.Length} bytes: {Verdict(frame, nameOf)}\n");
        foreach (var step in frame.Steps)
        {
            text.Append(string.Create(CultureInfo.InvariantCulture, $"    {step.Direction,-3}  {nameOf(step.Port),-16}  {step.Stage,-18}  {step.Nanoseconds,8:F0} ns  {step.Verdict} {step.Rule}").TrimEnd()).Append('\n');
        }

        return text.ToString();
    }

    private static string Refusal(FrameReport frame, Func<Guid, string> nameOf)
    {
        var where = frame.Steps.LastOrDefault(step => step.Verdict is not null);
        var at = where is null ? "" : $" at {where.Stage} of {nameOf(where.Port)}";
        return $"dropped: {frame.Reason}{at}{(frame.Rule is null ? "" : $" ({frame.Rule})")}";
    }
}
