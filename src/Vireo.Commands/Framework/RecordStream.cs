using System.Buffers;
using System.Text.Json;
using System.Threading.Channels;
using Vireo.Model;
using Vireo.Surface;

namespace Vireo.Commands.Framework;

/// <summary>
/// The answer of a command as lines of JSON. Any thread may write; one reader sends them on. Writing never waits: a command's answer is
/// small beside its work, and a reader that is gone cancels the command.
/// </summary>
public sealed class RecordStream
{
    private readonly Channel<ReadOnlyMemory<byte>> _lines = Channel.CreateUnbounded<ReadOnlyMemory<byte>>(new UnboundedChannelOptions { SingleReader = true });
    private int _errors;

    /// <summary>The lines, each with its line feed; completed after the end record.</summary>
    public ChannelReader<ReadOnlyMemory<byte>> Lines => _lines.Reader;

    /// <summary>Errors written so far.</summary>
    public int Errors => Volatile.Read(ref _errors);

    /// <summary>The parameters made no call: nothing was done.</summary>
    public bool IsRefused { get; internal set; }

    /// <summary>Who is told of progress and errors besides the reader; null is nobody.</summary>
    public IRecordObserver? Observer { get; set; }

    /// <summary>An object of the model.</summary>
    public void Object(object value)
    {
        ArgumentNullException.ThrowIfNull(value);
        var type = value.GetType();
        var json = ModelJson.Default.GetTypeInfo(type)
            ?? throw new InvalidOperationException($"{type.FullName} is not in {nameof(ModelJson)}.");
        Write("object", writer =>
        {
            writer.WriteString("type", type.FullName);
            writer.WritePropertyName("value");
            JsonSerializer.Serialize(writer, value, json);
        });
    }

    /// <summary>An error.</summary>
    public void Error(CommandException error, CommandInfo? command, bool terminating)
    {
        ArgumentNullException.ThrowIfNull(error);
        Interlocked.Increment(ref _errors);
        Observer?.Error(error);
        Write("error", writer =>
        {
            writer.WriteString("errorId", error.ErrorId);
            writer.WriteString("category", error.Category.ToString());
            writer.WriteString("message", error.Message);
            if (error.TargetObject?.ToString() is { } target)
            {
                writer.WriteString("target", target);
            }

            writer.WriteString("fullyQualifiedErrorId", command is null ? error.ErrorId : $"{error.ErrorId},{command.CmdletClass}");
            writer.WriteBoolean("terminating", terminating);
        });
    }

    /// <summary>A warning.</summary>
    public void Warning(string message) => Write("warning", writer => writer.WriteString("message", message));

    /// <summary>A verbose message.</summary>
    public void Verbose(string message) => Write("verbose", writer => writer.WriteString("message", message));

    /// <summary>How far it is.</summary>
    public void Progress(string activity, string status, int percent)
    {
        Observer?.Progress(activity, status, percent);
        Write("progress", writer =>
        {
            writer.WriteString("activity", activity);
            writer.WriteString("status", status);
            writer.WriteNumber("percent", percent);
        });
    }

    /// <summary>What would be done.</summary>
    public void WhatIf(string target, string action) => Write("whatif", writer =>
    {
        writer.WriteString("target", target);
        writer.WriteString("action", action);
    });

    /// <summary>A question.</summary>
    public void Question(QuestionRecord question)
    {
        ArgumentNullException.ThrowIfNull(question);
        Write("question", writer =>
        {
            writer.WriteString("id", question.Id);
            writer.WriteString("kind", question.Kind == QuestionKind.ShouldContinue ? "shouldContinue" : "shouldProcess");
            writer.WriteString("caption", question.Caption);
            writer.WriteString("message", question.Message);
            writer.WriteString("target", question.Target);
            writer.WriteString("action", question.Action);
        });
    }

    /// <summary>The job that the command became.</summary>
    public void Job(Guid id) => Write("job", writer => writer.WriteString("id", id));

    /// <summary>The end; nothing can be written after it.</summary>
    public void End(string status)
    {
        Write("end", writer =>
        {
            writer.WriteString("status", status);
            writer.WriteNumber("errors", Errors);
        });
        _lines.Writer.TryComplete();
    }

    private void Write(string record, Action<Utf8JsonWriter> members)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteString("record", record);
            members(writer);
            writer.WriteEndObject();
        }

        buffer.Write("\n"u8);
        _lines.Writer.TryWrite(buffer.WrittenMemory);
    }
}

/// <summary>Somebody besides the client who follows a command.</summary>
public interface IRecordObserver
{
    /// <summary>The command reports how far it is.</summary>
    void Progress(string activity, string status, int percent);

    /// <summary>The command reports an error.</summary>
    void Error(CommandException error);
}
