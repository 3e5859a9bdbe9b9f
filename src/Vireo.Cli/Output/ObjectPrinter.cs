using System.Text;
using System.Text.Json;
using Vireo.Model;
using Vireo.Surface;

namespace Vireo.Cli.Output;

/// <summary>Prints the objects of the last command: as JSON lines at once, or as tables of equal objects.</summary>
internal sealed class ObjectPrinter(Terminal terminal, bool asJson)
{
    private readonly List<JsonElement> _rows = [];
    private string _type = "";
    private bool _printed;

    /// <summary>Prints an object, now or with its table.</summary>
    public void Add(ObjectRecord record)
    {
        if (asJson)
        {
            WriteLine(record.Value.GetRawText());
            return;
        }

        if (record.Type != _type)
        {
            Flush();
            _type = record.Type;
        }

        _rows.Add(record.Value);
    }

    /// <summary>Prints what would be done. Among JSON it is a line of JSON, with a member <c>record</c> that no object has.</summary>
    public void Add(WhatIfRecord record) => WriteLine(asJson
        ? Json("whatif", ("target", record.Target), ("action", record.Action))
        : CellText.Harmless($"What if: Performing the operation \"{record.Action}\" on target \"{record.Target}\"."));

    /// <summary>Prints the job that the command goes on as, among JSON in the same way.</summary>
    public void Add(JobRecord record) => WriteLine(asJson ? Json("job", ("id", record.Id.ToString())) : $"Job {record.Id}");

    /// <summary>Prints what waits.</summary>
    public void Flush()
    {
        if (_rows.Count > 0)
        {
            terminal.ClearProgress();
            if (_printed)
            {
                terminal.Out.Write('\n');
            }

            if (Views.Tables.TryGetValue(_type, out var columns))
            {
                TableView.Write(terminal.Out, columns, _rows, terminal.Width);
            }
            else
            {
                _rows.ForEach(row => Write(row));
            }

            _printed = true;
            _rows.Clear();
        }

        terminal.Out.Flush();
    }

    private static string Json(string kind, params ReadOnlySpan<(string Name, string Value)> members)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
        {
            writer.WriteStartObject();
            writer.WriteString("record", kind);
            foreach (var (name, value) in members)
            {
                writer.WriteString(name, value);
            }

            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length);
    }

    private void WriteLine(string line)
    {
        terminal.ClearProgress();
        terminal.Out.Write(line);
        terminal.Out.Write('\n');
        terminal.Out.Flush();
    }

    private void Write(JsonElement row)
    {
        if (row.ValueKind == JsonValueKind.Object)
        {
            ListView.Write(terminal.Out, row);
            return;
        }

        // A command that answers yes or no.
        terminal.Out.Write(row.ToString());
        terminal.Out.Write('\n');
    }
}
