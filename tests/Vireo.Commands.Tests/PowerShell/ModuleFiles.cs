using System.Globalization;
using System.Text;
using System.Xml.Linq;
using Vireo.Model;
using Vireo.Testing;

namespace Vireo.Commands.Tests.PowerShell;

/// <summary>Text of the module's files that are made from the views and the commands.</summary>
internal static class ModuleFiles
{
    public static string Folder { get; } = Path.Combine(Repository.Root, "src", "Vireo.PowerShell");

    /// <summary>The default tables, as PowerShell reads them.</summary>
    public static string Format()
    {
        var document = new XElement(
            "Configuration",
            new XElement("ViewDefinitions", Views.Tables.OrderBy(static table => table.Key, StringComparer.Ordinal).Select(static table => View(table.Key, table.Value))));
        return "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<!-- Made from src/Vireo.Model/Views.cs; change it there, then run the tests with VIREO_WRITE_MODULE=1. -->\n"
            + document.ToString(SaveOptions.None).ReplaceLineEndings("\n") + "\n";
    }

    /// <summary>The module's manifest.</summary>
    public static string Manifest()
    {
        var commands = Vireo.Commands.CommandTable.Descriptors.Select(static command => command.Info).OrderBy(static info => info.Name, StringComparer.Ordinal).ToList();
        var text = new StringBuilder("# Made from the commands; run the tests with VIREO_WRITE_MODULE=1 after a change.\n@{\n");
        text.Append("  RootModule = 'Vireo.HyperV.PowerShell.dll'\n");
        text.Append("  ModuleVersion = '2.0.0.0'\n");
        text.Append("  GUID = '8a4b0e5c-52f1-4e0e-9d0e-3a7d1c2f6b94'\n");
        text.Append("  Author = 'The Vireo project'\n");
        text.Append("  CompanyName = 'The Vireo project'\n");
        text.Append("  Copyright = 'MIT'\n");
        text.Append("  Description = 'The commands of Hyper-V, run by Vireo.'\n");
        text.Append("  PowerShellVersion = '7.4'\n");
        text.Append("  CompatiblePSEditions = @('Core')\n");
        text.Append("  FormatsToProcess = @('Hyper-V.format.ps1xml')\n");
        text.Append("  FunctionsToExport = @()\n");
        text.Append("  VariablesToExport = @()\n");
        List("CmdletsToExport", commands.Select(static info => info.Name));
        List("AliasesToExport", commands.SelectMany(static info => info.Aliases).Order(StringComparer.Ordinal));
        return text.Append("}\n").ToString();

        void List(string name, IEnumerable<string> items) =>
            text.Append(CultureInfo.InvariantCulture, $"  {name} = @({string.Concat(items.Select(static item => $"\n    '{item}'"))}\n  )\n");
    }

    private static XElement View(string type, IReadOnlyList<ViewColumn> columns) => new(
        "View",
        new XElement("Name", type),
        new XElement("ViewSelectedBy", new XElement("TypeName", type)),
        new XElement(
            "TableControl",
            new XElement("TableHeaders", columns.Select(static column => new XElement(
                "TableColumnHeader",
                new XElement("Label", column.Header),
                column.RightAligned ? new XElement("Alignment", "Right") : null))),
            new XElement(
                "TableRowEntries",
                new XElement("TableRowEntry", new XElement("TableColumnItems", columns.Select(Item))))));

    private static XElement Item(ViewColumn column) => new(
        "TableColumnItem",
        column.Scale == 1
            ? new XElement("PropertyName", column.Property)
            : new XElement("ScriptBlock", $"[math]::Floor($_.{column.Property} / {column.Scale.ToString(CultureInfo.InvariantCulture)})"));
}
