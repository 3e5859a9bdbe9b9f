using System.Text.Json;
using Vireo.Model;

namespace Vireo.Cli.Output;

/// <summary>Objects of one type as a table with the type's default columns.</summary>
internal static class TableView
{
    private const int LeastWidth = 8;

    /// <summary>Writes the table.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="columns">Columns.</param>
    /// <param name="objects">Rows.</param>
    /// <param name="screenWidth">Longer lines are cut, widest column first; 0 cuts nothing.</param>
    public static void Write(TextWriter output, IReadOnlyList<ViewColumn> columns, IReadOnlyList<JsonElement> objects, int screenWidth)
    {
        var rows = new List<string[]>(objects.Count);
        foreach (var value in objects)
        {
            rows.Add([.. columns.Select(column => value.TryGetProperty(column.Property, out var property) ? CellText.Of(property, column.Scale) : "")]);
        }

        var widths = new int[columns.Count];
        for (var i = 0; i < widths.Length; i++)
        {
            widths[i] = Math.Max(columns[i].Header.Length, rows.Max(row => row[i].Length));
        }

        Shrink(widths, screenWidth);
        Line(output, columns, widths, [.. columns.Select(static column => column.Header)]);
        Line(output, columns, widths, [.. columns.Select(static column => new string('-', column.Header.Length))]);
        foreach (var row in rows)
        {
            Line(output, columns, widths, row);
        }
    }

    private static void Shrink(int[] widths, int screenWidth)
    {
        while (screenWidth > 0 && widths.Sum() + widths.Length - 1 > screenWidth)
        {
            var widest = Array.IndexOf(widths, widths.Max());
            if (widths[widest] <= LeastWidth)
            {
                return;
            }

            widths[widest]--;
        }
    }

    private static void Line(TextWriter output, IReadOnlyList<ViewColumn> columns, int[] widths, string[] cells)
    {
        for (var i = 0; i < cells.Length; i++)
        {
            var cell = cells[i].Length > widths[i] ? cells[i][..(widths[i] - 1)] + "…" : cells[i];
            var isLast = i == cells.Length - 1;
            output.Write(columns[i].RightAligned ? cell.PadLeft(widths[i]) : isLast ? cell : cell.PadRight(widths[i]));
            output.Write(isLast ? "\n" : " ");
        }
    }
}
