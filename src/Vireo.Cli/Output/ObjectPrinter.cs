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
            terminal.ClearProgress();
            terminal.Out.Write(record.Value.GetRawText());
            terminal.Out.Write('\n');
            terminal.Out.Flush();
            return;
        }

        if (record.Type != _type)
        {
            Flush();
            _type = record.Type;
        }

        _rows.Add(record.Value);
    }

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
